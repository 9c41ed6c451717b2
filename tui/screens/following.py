"""What a question says of a bot follows the bot as long as the question is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

_EVERY_S = 1.0


def follow(screen: Screen[Any], shown: Static, words: Callable[[], str]) -> None:
    """Say it anew once a second. It never takes less room than before: what stands below it, and
    is about to be pressed, stays where it is."""
    said = words()

    def say_anew() -> None:
        nonlocal said
        now = words()
        if now != said:
            said = now
            shown.styles.min_height = shown.size.height
            shown.update(Content(now))

    screen.set_interval(_EVERY_S, say_anew)
