"""What calls an operator who looks elsewhere: the terminal's bell and title, words that stay."""

from __future__ import annotations

from collections.abc import Callable

from engine.wording import BADGES
from tui.bot.view import BotView, alarm_name

_NAME = "gridtui"
_LOST_S = 5.0
"""A connection that is back by then has called nobody."""

_LOSS = object()
"""What rings beside the alarms, which are told apart by their keys: the bot is silent or lost."""

_KEEP, _RESTORE = "\x1b[22;0t", "\x1b[23;0t"
"""A terminal that knows these has its old title again in the end; others ignore them."""


class Attention:
    """Looks at the bot that is watched.

    Args:
        write: takes what is for the terminal itself.
        say: takes a sentence for the screen.
        bell: whether alarms ring.
        blinks: whether the title changes by itself while there are alarms.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        say: Callable[[str], None],
        *,
        bell: bool = True,
        blinks: bool = True,
    ) -> None:
        self._write, self._say = write, say
        self.bell = bell
        self._blinks = blinks
        self._title = ""
        self._rung: set[object] = set()
        self._link: tuple[BotView | None, str] = (None, "")
        self._linked_at = 0.0
        self._heard: BotView | None = None  # who was connected last
        self._looked_at: BotView | None = None
        self._before: set[object] = set()  # what had rung of it before it was looked at

    def look(
        self, view: BotView | None, seconds: float, rung: frozenset[object] = frozenset()
    ) -> None:
        """Several times a second.

        Args:
            seconds: of any clock, by which the title blinks.
            rung: names of alarms for which it has rung while another bot was watched.
        """
        if view is not self._looked_at:
            self._looked_at, self._before = view, set(rung)
        # what a record tells has long been seen
        told = [] if view is None or view.mode == "replay" else view.unseen
        unseen: set[object] = {alarm_name(alarm) for alarm in told}
        lost = self._lost(view, seconds)
        unseen |= {_LOSS} if lost else set()
        if unseen - self._rung - self._before:
            self.ring()
        self._rung = unseen
        if view is not None and view.link == "connected":
            self._before &= unseen
        calls = bool(unseen) and not (self._blinks and int(seconds) % 2)
        self._entitle(_words(view, (lost or "ALARM") if calls else ""))

    def ring(self) -> None:
        """For what is said once, and not by the bot that is watched."""
        if self.bell:
            self._write("\a")

    def close(self) -> None:
        """Give the terminal back."""
        if self._title:
            self._write(_RESTORE)

    def _lost(self, view: BotView | None, seconds: float) -> str:
        """`STALE`: the bot has become silent; `LOST`: it is out of reach without having said that
        it ends; "": neither, or the user knows it."""
        link = (view, "" if view is None else view.link)
        if link != self._link:
            if view is not None and view.link == "connected":
                self._greet(view)
            self._link, self._linked_at = link, seconds
        if view is None or view.loss_seen or not view.symbol or view.mode == "replay":
            return ""
        if view.link == "ended":
            return "" if view.farewell else "LOST"
        if view.link == "connected":
            return "STALE" if view.stale else ""
        # silence that turns into a loss is one trouble: it rings on through the patience for a loss
        patient = _LOSS not in self._rung and seconds - self._linked_at < _LOST_S
        return "LOST" if view.link == "lost" and not patient else ""

    def _greet(self, view: BotView) -> None:
        """Of a connection that stands. One to a bot that starts is lost first, too."""
        if self._heard is view:
            if self._link == (view, "lost"):
                self._say(f"The connection to {view.symbol} is back.")
        elif view.anew:
            self._say(f"{view.symbol} has begun anew.")
        self._heard = view

    def _entitle(self, title: str) -> None:
        if title != self._title:
            self._write(f"{'' if self._title else _KEEP}\x1b]0;{title}\a")
            self._title = title


def _words(view: BotView | None, call: str) -> str:
    """`gridtui BTC/USDT PAPER`; while it calls, `! ALARM BTC/USDT PAPER`."""
    if view is None or not view.symbol:
        return _NAME
    name = f"{view.symbol} {BADGES.get(view.mode, view.mode)}"
    plain = "".join(letter for letter in name if letter.isprintable())
    return f"! {call} {plain}" if call else f"{_NAME} {plain}"
