"""Bots that run and are not shown: what of them calls the operator, on whatever screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from engine.wording import plural
from tui.bot.pulse import Pulse, Pulses
from tui.bot.view import BotView, alarm_name

if TYPE_CHECKING:
    from tui.bots import RunningBot

_APART_S = 15.0
"""Between two questions to one bot: each makes it write down everything that it has."""

_SILENT = object()
"""What calls beside the alarms, which are told apart by key and time."""

_NONE: frozenset[object] = frozenset()


class Others:
    """Hears all but the one that is shown, and knows what was rung for and acknowledged of each.

    Args:
        clock: monotonic seconds.

    Attributes:
        pulses: what those that were asked have said.
        calling: those with an alarm that nobody has acknowledged here, or that are silent.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.pulses = Pulses(clock)
        self.calling: frozenset[RunningBot] = frozenset()
        self._rung: dict[RunningBot, frozenset[object]] = {}
        self._seen: dict[RunningBot, set[tuple[str, int]]] = {}

    def rung(self, bot: RunningBot | None) -> frozenset[object]:
        """The names of its alarms for which the bell has rung."""
        return _NONE if bot is None else self._rung.get(bot, _NONE)

    def shown(self, bot: RunningBot | None, view: BotView | None) -> None:
        """The one that is shown rings by itself: what of it is known need not ring once more."""
        if bot is None or view is None or not view.symbol:
            return
        names: set[object] = {alarm_name(alarm) for alarm in view.unseen}
        lost = view.stale or view.link == "lost"
        self._rung[bot] = frozenset(names | {_SILENT} if lost else names)
        self._seen[bot] = set(view.acknowledged)

    def listen(
        self, running: Iterable[RunningBot], shown: RunningBot | None, *, ask: bool = True
    ) -> list[str]:
        """Ask those whose turn it is; returns a sentence for each that calls anew.

        Args:
            ask: not where somebody else asks the same pulses.
        """
        running = set(running)
        others = running - {shown}
        if ask:
            self.pulses.ask(others, _APART_S)
        for gone in [bot for bot in {*self._rung, *self._seen} if bot not in running]:
            self._rung.pop(gone, None)
            self._seen.pop(gone, None)
        said, calling = [], set()
        for bot in sorted(others, key=lambda each: each.name):
            pulse = self.pulses.of(bot)
            if pulse.silent_s is None and not self.pulses.heard(bot):
                calling |= {bot} & self.calling
                continue
            names = self._names(bot, pulse)
            new, self._rung[bot] = names - self.rung(bot), frozenset(names)
            if names:
                calling.add(bot)
            name = bot.pair
            if sum(each.pair == name for each in running) > 1:
                name = f"{name} ({bot.holder.mode})"
            if _SILENT in new and pulse.silent_s is not None:
                said.append(f"{name} silent for {int(pulse.silent_s)} s")
            elif new:
                said.append(f"{name}: {plural(len(names - {_SILENT}), 'alarm')}")
        self.calling = frozenset(calling)
        return said

    def _names(self, bot: RunningBot, pulse: Pulse) -> set[object]:
        """Of what calls: it tells alarms that go on also when they were acknowledged."""
        seen = self._seen.get(bot, set())
        names: set[object] = {name for name in pulse.alarm_names if name not in seen}
        return names if pulse.silent_s is None else names | {_SILENT}
