"""How many times faster than it happened a record is played."""

USUAL_SPEED, FASTEST = 60.0, 10_000.0
SPEEDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0, FASTEST)
