"""A bot in another process, as the screens see it."""
