"""What bots that run are doing, by their own word: each is asked now and then.

One that is held (SIGSTOP) or hangs has its lock, its process and its socket still: only that it
says nothing tells it from one that trades.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from state.control_client import ControlClient
from state.errors import StateError
from tui.bot.census import Standing
from tui.bot.view import alarm_name

if TYPE_CHECKING:
    from tui.bots import RunningBot

Doing = Literal["running", "starting", "paused", "halted", "stopping"]

PATIENCE_S = 5.0
"""A bot answers within milliseconds; on a machine under load within a second or two."""

_APART_S = 5.0
_LONGEST_S = 60.0
"""For one connection: a bot that is held answers it once it goes on. To try again and again would
fill the queue of its socket, and take the place of who has something to say."""

_ENDING = frozenset({"stopping", "flattening"})
_REASONS = {
    "operator": "by the operator",
    "positions": "positions differ from the exchange's",
    "errors": "requests have failed in a row",
}


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known of a bot that runs.

    Attributes:
        doing: what it said last; `running` where it was not understood, or has not spoken yet.
        reasons: why no entry rests, where it is `paused`.
        silent_s: for how long it has not answered by now; None where it has.
        silent_since: when it was asked first without an answer, UTC; None where it has answered.
        standing: what it has; None where it has not told it.
        alarms: the words of those that it would show to who turns to it now, the oldest first.
        alarm_names: key and time, ms UTC, of each of them.
        told: False: the bot could not be reached, so that nothing of it is known.
    """

    doing: Doing = "running"
    reasons: tuple[str, ...] = ()
    silent_s: float | None = None
    silent_since: datetime | None = None
    standing: Standing | None = None
    alarms: tuple[str, ...] = ()
    alarm_names: tuple[tuple[str, int], ...] = ()
    told: bool = True

    @property
    def why(self) -> str:
        """`by the operator`."""
        return "; ".join(_REASONS.get(reason, reason) for reason in self.reasons)

    @property
    def words(self) -> str:
        """`running`, `PAUSED (by the operator)`."""
        return f"PAUSED ({self.why})" if self.doing == "paused" else self.doing


class Pulses:
    """Asks bots, each in a thread of its own, so that one that says nothing delays nobody.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: dict[RunningBot, float] = {}  # when last
        self._unanswered: dict[RunningBot, tuple[float, datetime]] = {}  # since when
        self._asking: set[RunningBot] = set()
        self._said: dict[RunningBot, Pulse] = {}

    def ask(self, bots: Iterable[RunningBot], apart_s: float | None = None) -> None:
        """Ask those whose turn it is; returns at once. One is never asked twice at a time.

        Args:
            apart_s: between two questions to one bot; a few seconds unless given.
        """
        apart_s = _APART_S if apart_s is None else apart_s
        bots = set(bots)
        for known in (self._asked, self._unanswered, self._said):
            for one in list(known):  # threads add to them meanwhile
                if one not in bots:
                    known.pop(one, None)
        now = self._clock()
        for bot in bots:
            due = now - self._asked.get(bot, -math.inf) >= apart_s
            if due and bot not in self._asking:
                self._asked[bot] = now
                self._unanswered.setdefault(bot, (now, datetime.now(UTC)))
                self._asking.add(bot)
                Thread(target=self._listen, args=(bot,), name="pulse", daemon=True).start()

    def of(self, bot: RunningBot) -> Pulse:
        """What is known of it by now."""
        said = self._said.get(bot, Pulse())
        unanswered = self._unanswered.get(bot)
        if unanswered is None or (silent_s := self._clock() - unanswered[0]) < PATIENCE_S:
            return said
        return replace(said, silent_s=silent_s, silent_since=unanswered[1])

    def heard(self, bot: RunningBot) -> bool:
        """Whether it has answered since it is asked."""
        return bot in self._said

    def _listen(self, bot: RunningBot) -> None:
        try:
            heard = hear(bot, _LONGEST_S)
            # one that has answered before and cannot be reached any more is silent, not well
            before = self._said.get(bot)
            if heard is not None and (heard.told or before is None or not before.told):
                self._said[bot] = heard
                self._unanswered.pop(bot, None)
        finally:
            self._asking.discard(bot)


def hear(bot: RunningBot, timeout_s: float) -> Pulse | None:
    """Ask a bot over a connection of a moment that may only watch; None where it does not answer
    in time. For a thread without an event loop."""
    return asyncio.run(_hear(bot, timeout_s))


def hear_all(bots: Iterable[RunningBot], timeout_s: float) -> list[Pulse | None]:
    """As `hear`, of all of them at the same time."""

    async def each() -> list[Pulse | None]:
        return await asyncio.gather(*(_hear(bot, timeout_s) for bot in bots))

    return asyncio.run(each())


def is_silence(error: StateError) -> bool:
    """Whether a connection has failed since nobody has answered, though somebody listens."""
    # with a queue that is full, since nobody takes connections out of it, the system has several
    # names for the error; these are of a bot that has ended, or is not there yet
    gone = FileNotFoundError | PermissionError | ConnectionError
    cause = error.__cause__
    return isinstance(cause, OSError) and not isinstance(cause, gone)


async def _hear(bot: RunningBot, timeout_s: float) -> Pulse | None:
    try:
        connecting = ControlClient.connect(bot.socket, read_only=True, timeout_s=timeout_s)
        async with await connecting as client:
            return _said_in(client.snapshot.document)
    except StateError as error:
        return None if is_silence(error) else Pulse(told=False)
    except (LookupError, TypeError, ValueError, AttributeError):
        return Pulse()  # of another version


def _said_in(document: Mapping[str, Any]) -> Pulse:
    """Of a snapshot. Raises LookupError, TypeError or AttributeError."""
    alarms = _alarms_in(document)
    return replace(
        _doing_in(document),
        standing=_standing_in(document),
        alarms=tuple(text for text, _ in alarms),
        alarm_names=tuple(name for _, name in alarms),
    )


def _doing_in(document: Mapping[str, Any]) -> Pulse:
    account = document["account"]
    if account is None:
        return Pulse("starting")
    paused = frozenset(account["paused"])
    if paused & _ENDING:
        return Pulse("stopping")
    if account["halted"]:
        return Pulse("halted")
    return Pulse("paused", tuple(account["paused"])) if paused else Pulse()


def _standing_in(document: Mapping[str, Any]) -> Standing | None:
    """None where another version tells it otherwise, which keeps nothing else from being known."""
    try:
        account, quote = document["account"], document["quote"]
        long, short = (account["sides"][name] for name in ("long", "short"))
        return Standing(
            equity=float((quote or account)["equity"]),
            held=(float(long["qty"]), float(short["qty"])),
            lots=len(long["lots"]) + len(short["lots"]),
            orders=len(account["orders"]),
            entries=sum(order["role"] == "entry" for order in account["orders"]),
        )
    except (LookupError, TypeError, ValueError):
        return None


def _alarms_in(document: Mapping[str, Any]) -> list[tuple[str, tuple[str, int]]]:
    """Text and name of each."""
    try:
        return [(str(alarm["text"]), alarm_name(alarm)) for alarm in document["alarms"]]
    except (LookupError, TypeError, ValueError):
        return []
