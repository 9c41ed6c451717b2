"""Where orders lie: spacing, reservation price, levels, round numbers, tick, step (about 2 s)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account import LONG, SHORT
from engine.grid import (
    calculate_dynamic_spacing,
    generate_grid_levels,
    nudge_off_round_number,
    round_down,
    round_up,
)
from engine.inventory import (
    calculate_optimal_spread,
    calculate_reservation_price,
    get_skewed_grid_params,
    side_anchor,
)
from tests.handmade import market, play

PRICES = st.floats(1e-4, 1e6)
UNITS = st.sampled_from([1e-6, 1e-4, 0.001, 0.01, 0.1, 0.5, 1.0])
# No number of bars is worth a deadline: the first example compiles.
PATIENT = settings(deadline=None, derandomize=True)


class TestSpacing:
    @pytest.mark.parametrize(
        ("atr", "floor", "half_spread", "expected"),
        [
            (30.0, 0.01, 15.0, 60.0),  # 2 ATR
            (5.0, 0.025, 15.0, 50.0),  # floor
            (5.0, 0.01, 70.0, 70.0),  # half the optimal spread
            (300.0, 0.01, 15.0, 400.0),  # never more than 20 % of the price
            (5.0, 0.01, 900.0, 400.0),
        ],
    )
    def test_it_is_the_widest_of_three_up_to_a_fifth_of_the_price(
        self, atr: float, floor: float, half_spread: float, expected: float
    ) -> None:
        assert calculate_dynamic_spacing(atr, 2.0, floor, 2000.0, half_spread) == expected

    def test_atr_and_the_current_bar_give_the_levels(self) -> None:
        settings = {"grid_spacing_k": 2.25, "spacing_floor": 0.0}
        assert play([2000, 2000], **settings).prices(LONG) == [1910.0, 1820.0, 1730.0]
        later = play([2000, 2000, 2000], atr=[40, 30], regime=[0, 1], **settings)
        assert later.prices(LONG) == [1932.5, 1865.0, 1797.5]

    def test_the_floor_grows_with_volatility(self) -> None:
        # 2.5 * 0.024 = 0.06; half the spread is about 0.03
        assert play([2000, 2000], sigma=0.024).prices(LONG) == [1880.0, 1760.0, 1640.0]

    def test_half_the_optimal_spread_is_a_floor_too(self) -> None:
        spread = 0.5 * 0.02**2 * 96 + (2 / 0.5) * math.log(1 + 0.5 * 0.02 / 1.5)
        settings = {"sigma": 0.02, "adaptive_floor_scale": 0.0, "spacing_floor": 0.0}
        played = play([2000, 2000], grid_levels=1, **settings)
        assert played.prices(LONG) == [math.floor(10 * (2000 - 1000 * spread)) / 10]
        assert played.prices(SHORT) == [math.ceil(10 * (2000 + 1000 * spread)) / 10]

    @pytest.mark.parametrize("er", [0.0, 0.5, 1.0])
    def test_a_trend_brings_the_entries_of_its_side_nearer(self, er: float) -> None:
        apart = 80 * (1 - er / 2)
        long, short = (play([2000, 2000], er=er, regime=r, grid_levels=1) for r in (1, -2))
        nudge = {1.0: (1960.0, 2040.0), 0.5: (1940.0, 2060.0), 0.0: (1920.0, 2080.0)}[er]
        assert (long.prices(LONG)[0], short.prices(SHORT)[0]) == nudge
        assert nudge == (2000 - apart, 2000 + apart)

    def test_er_changes_nothing_in_noise(self) -> None:
        assert play([2000, 2000], er=0.9, grid_levels=1).prices(LONG) == [1920.0]

    @pytest.mark.parametrize(
        ("rate", "long", "short"),
        [
            (0.0004, 1904.0, 2064.0),  # longs pay: 96 and 64
            (-0.0004, 1936.0, 2096.0),
            (0.0003, 1920.0, 2080.0),
            (-0.0003, 1920.0, 2080.0),
        ],
    )
    def test_high_funding_brings_the_paid_side_nearer(
        self, rate: float, long: float, short: float
    ) -> None:
        played = play([2000, 2000], funding_rate=rate, grid_levels=1)
        assert (played.prices(LONG), played.prices(SHORT)) == ([long], [short])

    def test_funding_changes_no_spacing_in_a_trend(self) -> None:
        assert play([2000, 2000], funding_rate=0.01, regime=1).prices(LONG)[0] == 1920.0

    def test_the_factors_do_not_touch_take_profits(self) -> None:
        played = play(
            [1950, 1950], longs=[(1920, 1.3)], er=1.0, regime=1, funding_rate=0.01, grid_levels=0
        )
        assert played.take_profits(LONG)[0][0] == 1996.8


class TestOptimalSpread:
    def test_the_formula(self) -> None:
        expected = 0.5 * 0.01**2 * 96 + (2 / 0.5) * math.log(1 + 0.5 * 0.01 / 1.5)
        assert calculate_optimal_spread(0.01, 0.5, 1.5, 96.0) == pytest.approx(expected, rel=1e-12)

    def test_its_limit_without_risk_aversion(self) -> None:
        assert calculate_optimal_spread(0.01, 0.0, 1.5) == pytest.approx(2 * 0.01 / 1.5)
        near = calculate_optimal_spread(0.01, 1e-9, 1.5)
        assert near == pytest.approx(2 * 0.01 / 1.5, rel=1e-6)

    def test_a_faster_decay_of_fills_narrows_it(self) -> None:
        spreads = [calculate_optimal_spread(0.01, 0.5, kappa) for kappa in (0.5, 1.0, 2.0)]
        assert spreads == sorted(spreads, reverse=True)
        assert len(set(spreads)) == 3


class TestReservationPrice:
    def test_inventory_moves_it_against_itself(self) -> None:
        # 2000 * (1 -/+ 0.5 * 0.5 * 0.0001 * 96)
        assert calculate_reservation_price(2000, 0.5, 0.5, 0.01) == pytest.approx(1995.2)
        assert calculate_reservation_price(2000, -0.5, 0.5, 0.01) == pytest.approx(2004.8)

    def test_the_anchor_of_a_side_knows_that_sides_inventory_alone(self) -> None:
        # Q = 2500 / 2000: q = 1.5 / (3 * 1.25) = 0.4
        long = play([2000, 2000], longs=[(1990, 1.5)], sigma=0.01)
        short = play([2000, 2000], shorts=[(2010, 1.5)], sigma=0.01)
        assert long.anchors == (pytest.approx(2000 * (1 - 0.4 * 0.0048)), 2000.0)
        assert short.anchors == (2000.0, pytest.approx(2000 * (1 + 0.4 * 0.0048)))

    def test_inventory_beyond_the_limit_counts_as_the_limit(self) -> None:
        played = play([2000, 2000], longs=[(1990, 9.0)], sigma=0.01)
        assert played.anchor(LONG) == pytest.approx(2000 * (1 - 0.0048))

    def test_levels_lie_around_it(self) -> None:
        played = play([2000, 2000], longs=[(1990, 9.0)], sigma=0.01, grid_levels=1)
        assert played.prices(LONG) == [1910.4]  # 1990.4 - 80

    @pytest.mark.parametrize(("position", "anchor"), [(10.0, 1950.0), (-10.0, 2050.0)])
    def test_it_is_never_farther_than_a_spacing(self, position: float, anchor: float) -> None:
        assert side_anchor(2000.0, position, 10.0, 50.0, 0.01, 96.0, 50.0) == anchor

    def test_a_side_without_a_limit_is_centred(self) -> None:
        assert side_anchor(2000.0, 5.0, 0.0, 50.0, 0.01, 96.0, 50.0) == 2000.0

    def test_the_public_parameters_are_half_spreads_and_anchor(self) -> None:
        buy, sell, anchor = get_skewed_grid_params(2000.0, 0.5, 0.5, 0.01, 1.5)
        half = 1000.0 * calculate_optimal_spread(0.01, 0.5, 1.5)
        assert (buy, sell) == (pytest.approx(half), pytest.approx(half))
        assert anchor == pytest.approx(1995.2)


class TestLevels:
    def test_geometric_levels_are_powers_rounded_away_from_the_price(self) -> None:
        played = play([2000, 2000], grid_mode="geometric")
        # 2000 / 1.04^j = 1923.08, 1849.11, 1777.99; 2000 * 1.04^j = 2080, 2163.2, 2249.728
        assert played.entries(LONG) == [(1923.0, 1.3), (1849.1, 1.3), (1777.9, 1.4)]
        assert played.entries(SHORT) == [(2080.0, 1.2), (2163.2, 1.1), (2249.8, 1.1)]

    def test_arithmetic_levels_are_spacings_of_the_price(self) -> None:
        buys, sells = generate_grid_levels(2030.0, 81.2, 40.6, 3, True)
        assert buys == pytest.approx([1948.8, 1867.6, 1786.4])
        assert sells == pytest.approx([2070.6, 2111.2, 2151.8])

    def test_geometric_public_levels(self) -> None:
        buys, sells = generate_grid_levels(2000.0, 80.0, 80.0, 2)
        assert buys == pytest.approx([2000 / 1.04, 2000 / 1.04**2])
        assert sells == pytest.approx([2080.0, 2163.2])

    def test_as_many_levels_are_laid_as_wished(self) -> None:
        played = play([2000, 2000], grid_levels=2)
        assert (len(played.prices(LONG)), len(played.prices(SHORT))) == (2, 2)
        none = play([2000, 2000], grid_levels=0)
        assert none.entries(LONG) == none.entries(SHORT) == []

    def test_a_level_at_or_under_zero_is_skipped(self) -> None:
        # 2010 - 402 j is 0 at the fifth level and negative at the sixth.
        settings = {"spacing_floor": 0.2, "grid_levels": 6, "max_inventory_per_side": 10}
        played = play([2010, 2010], **settings)
        assert played.prices(LONG) == [1608.0, 1206.0, 804.0, 402.0]
        assert len(generate_grid_levels(2000.0, 400.0, 400.0, 6, True)[0]) == 4

    def test_a_level_that_rounds_to_zero_is_skipped(self) -> None:
        settings = {"spacing_floor": 0.19, "grid_levels": 5, "max_inventory_per_side": 10}
        played = play([2000, 2000], on=market(tick="1000"), **settings)
        assert played.prices(LONG) == [1000.0, 1000.0]  # of 1620, 1240, 860, 480, 100

    def test_an_entry_that_would_cross_is_skipped(self) -> None:
        # Two fills renew the grid around the kept anchor of an up-regime: 2000 - 76 lies above
        # the price of 1900, the next levels under it.
        settings = {"regime": 1, "max_inventory_per_side": 10}
        played = play([2000, (2000, 2000, 1835, 1900), 1900], **settings)
        assert played.prices(LONG) == [1848.0, 1772.0]
        assert played.account["refused_entries"] == 0  # it never was an order

    def test_an_entry_at_the_price_itself_would_cross(self) -> None:
        by_atr = {"grid_spacing_k": 2.0, "spacing_floor": 0.0, "max_inventory_per_side": 10}
        played = play([2000, (2000, 2000, 1835, 1920), 1920], regime=1, **by_atr)
        assert played.prices(LONG) == [1840.0, 1760.0]
        assert played.account["refused_entries"] == 0

    @PATIENT
    @given(
        anchor=st.floats(1e-3, 1e6),
        spacing=st.floats(0.004, 0.2),
        count=st.integers(0, 20),
        arithmetic=st.booleans(),
    )
    def test_levels_are_positive_ordered_and_on_their_side(
        self, anchor: float, spacing: float, count: int, arithmetic: bool
    ) -> None:
        apart = spacing * anchor
        buys, sells = generate_grid_levels(anchor, apart, apart, count, arithmetic)
        assert len(sells) == count
        assert len(buys) <= count
        assert np.all(buys > 0)
        assert np.all(buys < anchor)
        assert np.all(sells > anchor)
        assert np.all(np.diff(sells) > 0)
        if not arithmetic:  # far down, arithmetic levels differ by less than the nudge
            assert np.all(np.diff(buys) < 0)


class TestRoundNumbers:
    @pytest.mark.parametrize(
        ("price", "expected"),
        [
            (60_030.0, 60_090.0),  # $1000 steps for BTC
            (59_970.0, 59_910.0),
            (60_000.0, 60_090.0),  # on it: above
            (60_059.9, 60_090.0),
            (60_060.1, 60_060.1),  # more than 0.10 % away
            (59_939.9, 59_939.9),
            (3001.0, 3004.5),  # $100 for ETH
            (2999.0, 2995.5),
            (150.1, 150.225),  # $10 for SOL
            (145.0, 145.0),
            (99.95, 99.85),  # the next power of ten
        ],
    )
    def test_a_price_in_the_zone_moves_to_its_edge_on_its_side(
        self, price: float, expected: float
    ) -> None:
        assert nudge_off_round_number(price) == pytest.approx(expected, rel=1e-12)

    def test_levels_are_nudged_before_they_are_rounded(self) -> None:
        # 2000 * 0.95 = 1900 -> 1902.85 -> 1902.8; 2100 -> 2103.15 -> 2103.2
        played = play([2000, 2000], spacing_floor=0.05, grid_levels=1)
        assert (played.prices(LONG), played.prices(SHORT)) == ([1902.8], [2103.2])

    @PATIENT
    @given(PRICES)
    def test_no_price_stays_in_the_zone_and_none_moves_far(self, price: float) -> None:
        moved = nudge_off_round_number(price)
        unit = 10.0 ** (math.floor(math.log10(price)) - 1)
        magnet = math.floor(price / unit + 0.5) * unit
        assert abs(moved - magnet) > 0.0010 * magnet * (1 - 1e-9)
        assert abs(moved - price) <= 0.0015 * magnet * (1 + 1e-9)
        assert (moved >= magnet) == (price >= magnet)


class TestTickAndStep:
    @pytest.mark.parametrize(
        ("x", "unit", "down", "up"),
        [
            (0.3, 0.1, 0.3, 0.3),  # 0.3 / 0.1 is a hair under 3
            (0.29, 0.1, 0.2, 0.3),
            (1.005, 0.001, 1.005, 1.005),
            (1923.0769, 0.1, 1923.0, 1923.1),
            (7.0, 0.5, 7.0, 7.0),
            (0.05, 0.1, 0.0, 0.1),
        ],
    )
    def test_multiples_stay_and_others_go_their_way(
        self, x: float, unit: float, down: float, up: float
    ) -> None:
        assert (round_down(x, unit), round_up(x, unit)) == (down, up)

    @PATIENT
    @given(PRICES, UNITS)
    def test_the_result_is_a_multiple_next_to_the_number(self, x: float, unit: float) -> None:
        down, up = round_down(x, unit), round_up(x, unit)
        hair = 2e-9 * unit + 1e-12 * x + 1e-10
        assert down <= x + hair
        assert x - down < unit + hair
        assert up >= x - hair
        assert up - x < unit + hair
        for value in (down, up):
            assert abs(value - round(value / unit) * unit) <= hair

    @PATIENT
    @given(st.integers(1, 10**7), UNITS)
    def test_a_multiple_is_its_own_rounding(self, count: int, unit: float) -> None:
        value = round(count * unit, 10)
        assert round_down(value, unit) == round_up(value, unit) == value

    def test_quantities_round_down_to_the_step(self) -> None:
        played = play([2000, 2000], on=market(step="0.001"), grid_levels=1)
        assert played.entries(LONG) == [(1920.0, 1.302)]  # 1.30208
        assert played.entries(SHORT) == [(2080.0, 1.201)]  # 1.20192
