"""A display that is held while its bot goes on: how the bot stood, and how much it told since."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.bot.view import BotView


class Held:
    """A bot's display, held now.

    Attributes:
        of: the bot, which goes on.
        still: how it stands now, from here on.
    """

    def __init__(self, of: BotView) -> None:
        self.of = of
        self.still = of.still()

    def new(self, kinds: Iterable[str] | None = None) -> int:
        """How many events it has told since; `kinds`: of these alone."""
        now, before = self.of.counts, self.still.counts
        return sum(now.get(kind, 0) - before.get(kind, 0) for kind in kinds or now)


def held_mark(more: str = "") -> tuple[str, str]:
    """What marks a display that is held, with its style; `more`: how much it does not show."""
    return f" PAUSED VIEW{more} ", "reverse bold $warning"
