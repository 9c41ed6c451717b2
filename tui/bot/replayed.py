"""What a screen sees of a recorded run at one of its moments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from exchange.timeframe import timeframe_ms
from state.durable import read_file
from state.errors import StateError
from state.exact_json import decode
from tui.bot.history import read_earlier
from tui.bot.recalled import trades_before
from tui.bot.record import ENDING, KINDS, Payload, Record, begins
from tui.bot.view import BotView
from tui.figures import stamp

if TYPE_CHECKING:
    from engine.live.wording import LiveText
    from tui.bot.replay import Replay

_UNKNOWN_SPEED = 1e5
"""Of a paper exchange in a record that does not say it: then nothing counts as learned late."""

_SAYS_NOTHING = bytes(map(KINDS.index, ("about", "quote", "account")))
_EVERY = bytes(set(range(len(KINDS))) - set(_SAYS_NOTHING))

_SILENT_BARS = 2
"""Without a word for so long no bot runs: each bar is told of."""

_GRADES = ("ok", "warning", "bad")
_TWO_LIMITS = r"(\d+(?:\.\d+)?)% / (\d+(?:\.\d+)?)%"
"""Of the drawdown, as the run had them: from where on it is a warning, and bad."""


class ReplayedView(BotView):
    """A bot as its record has it. Times are those of the replay: nothing of it is ever stale."""

    def __init__(self, replay: Replay) -> None:
        super().__init__(lambda: replay.now_ms / 1000)
        self._replay = self.replay = replay
        self.link = "connected"

    @property
    def judged(self) -> tuple[dict[str, Any], ...]:
        """What was recorded, which is when a state changed; the drawdown as it was at the last
        bar's end, unless a worse state of it was recorded."""
        return tuple(
            self._drawdown_now(reading) if reading["name"] == "drawdown" else reading
            for reading in self.readings
        )

    @property
    def awaited(self) -> str:
        """Prices and positions are recorded at a bar's end."""
        if self.account:
            return ""
        first_ms = self._replay.first_prices_ms
        if first_ms is None:
            return "the record has no candle's end"
        return f"it waits for the first candle's end, {stamp(first_ms)}Z"

    @property
    def unread_s(self) -> float | None:
        """None as long as the bot ran: what was read of it last then held."""
        silent_ms = self._replay.silent_ms
        of_a_bot = silent_ms <= _SILENT_BARS * timeframe_ms(self.about["timeframe"])
        return None if of_a_bot else silent_ms / 1000

    def _drawdown_now(self, reading: dict[str, Any]) -> dict[str, Any]:
        """By the equity at the last bar's end; the reading where that is older or tells less."""
        peak, at_ms = self.account.get("peak_equity"), self.quote.get("time_ms", 0)
        limits = re.fullmatch(_TWO_LIMITS, str(reading["limit"]))
        if not isinstance(peak, int | float) or peak <= 0.0 or limits is None:
            return reading
        if at_ms < self.read_ms:
            return reading
        drawdown = 1.0 - float(self.quote["equity"]) / peak
        state = _GRADES[sum(100 * drawdown >= float(limit) for limit in limits.groups())]
        if _GRADES.index(state) < _GRADES.index(reading["state"]):
            return reading
        return {**reading, "value": f"{drawdown:.1%}", "state": state, "time_ms": at_ms}

    @property
    def stale(self) -> bool:
        """What is shown is what was known then."""
        return False

    @property
    def now_ms(self) -> int:
        """Where the replay stands, ms UTC."""
        return int(self._clock() * 1000)

    @property
    def price_age_s(self) -> float:
        """Seconds since the price was recorded."""
        return max(0.0, (self.now_ms - int(self.quote.get("time_ms", 0))) / 1000)

    @property
    def candle_left_s(self) -> float:
        """Seconds until the candle closes: what is recorded is of the candle before."""
        length = timeframe_ms(self.about["timeframe"])
        return (length - self.now_ms % length) / 1000

    def feed(self, kind: str, payload: Payload, text: LiveText) -> None:
        """Take an event, and what the log said of it. A run begins without the troubles of the
        one before."""
        if kind == "about":
            self.about |= {"params": payload["params"]}
        elif begins(kind, payload):
            self.alarms, self.readings = {}, ()
            self.acknowledged.clear()
        self.take(kind, payload)
        for said in text.say(kind, payload):
            self.write(said.level, said.text)


class Scene:
    """What holds for a whole record: who traded, and what happened before its first event.

    Reads files. Call it in a thread.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        folder, name = record.path.parent, record.path.name.removesuffix(ENDING)
        self.about: dict[str, Any] = {
            "symbol": record.symbol.pair,
            "mode": "replay",
            "recorded": record.mode,
            "timeframe": record.timeframe,
            "speed": 1.0,
            "simulated": record.simulated,
            "params": _parameters(record),
        }
        first_bar = _first(record, "bar", "time_ms")
        earlier = read_earlier(folder, name)
        columns = zip(earlier.time, earlier.equity, earlier.close, earlier.regime, strict=True)
        names = ("time_ms", "equity", "close", "regime")
        bars = [dict(zip(names, row, strict=True)) for row in columns]
        self._bars = [bar for bar in bars if bar["time_ms"] < first_bar]
        first_trade = _first(record, "trade", "timestamp")
        self._trades = trades_before(folder / f"{name}_trades.jsonl", first_trade)
        self._said: dict[int, list[tuple[int, str]]] = {}

    def text(self, start: int) -> LiveText:
        """Words for the events from number `start` on. The first call takes a second."""
        from engine.live.wording import LiveText

        heard = _Reader(self.record, start)
        unknown = _UNKNOWN_SPEED if self.record.mode == "paper" else 1.0
        speed = (heard.newest("about") or {"speed": unknown})["speed"]
        text = LiveText({**self.about, "speed": speed})
        for kind in ("health", "grid", "quote", "order answered"):
            if (payload := heard.newest(kind)) is not None:
                text.say(kind, payload)
        return text

    def at(self, replay: Replay, end: int) -> tuple[ReplayedView, LiveText]:
        """What somebody sees after the first `end` events, and the words for those that follow.

        Only events that count are read, so that this takes half a second at most; alarms that are
        over by then are left out.
        """
        record, view = self.record, ReplayedView(replay)
        rows = _Reader(record, end)
        run = next((each for each in reversed(record.runs) if each < end), 0)
        about = rows.newest("about") or self.about
        view.begin(
            {
                "about": {**self.about, "params": about["params"]},
                "account": rows.newest("account"),
                "quote": rows.newest("quote"),
                "grid": rows.newest("grid"),
                "health": rows.newest("health", since=run),
                "bars": [*self._bars, *rows.last("bar", view.bars.maxlen)],
                "trades": [*self._trades, *rows.last("trade", view.trades.maxlen)],
                "requests": rows.requests(view.requests.maxlen),
                "alarms": rows.standing(run),
            }
        )
        for level, said in self._said_before(end, view.lines.maxlen or 0):
            view.write(level, said)
        view.counts |= {KINDS[code]: n for code, n in Counter(record.kinds[:end]).items()}
        return view, self.text(end)

    def _said_before(self, end: int, most: int) -> Iterator[tuple[int, str]]:
        """The lines of the log of the last events; what was said there before is still known."""
        said: dict[int, list[tuple[int, str]]] = {}
        text = None
        for number in self.record.before(end, _EVERY, most):
            if number in self._said:
                said[number], text = self._said[number], None
            else:
                text = text or self.text(number)
                event = self.record.event(number)
                said[number] = [(each.level, each.text) for each in text.say(*event)]
            yield from said[number]
        self._said = said


class _Reader:
    """Events before the one with the number `end`."""

    def __init__(self, record: Record, end: int) -> None:
        self._record = record
        self._end = end

    def newest(self, kind: str, since: int = 0) -> Payload | None:
        number = self._record.kinds.rfind(KINDS.index(kind), since, self._end)
        return None if number < 0 else self._record.event(number)[1]

    def last(self, kind: str, most: int | None) -> list[Payload]:
        return [payload for _, payload in self._last((kind,), most)]

    def requests(self, most: int | None) -> list[Payload]:
        events = self._last(("order sent", "order answered"), most)
        return [{"kind": kind, **payload} for kind, payload in events]

    def standing(self, since: int) -> list[Payload]:
        """Alarms of a run that are not over."""
        alarms: dict[str, Payload] = {}
        for _, alarm in self._last(("alarm",), None, since):
            alarms.pop(alarm["key"], None)
            if not alarm["over"]:
                alarms[alarm["key"]] = alarm
        return list(alarms.values())

    def _last(
        self, kinds: tuple[str, ...], most: int | None, since: int = 0
    ) -> list[tuple[str, Payload]]:
        codes = bytes(map(KINDS.index, kinds))
        numbers = self._record.before(self._end, codes, self._end if most is None else most)
        return [self._record.event(number) for number in numbers if number >= since]


def _first(record: Record, kind: str, member: str) -> int:
    """The time of the first event of a kind; of the record's end where it has none."""
    number = record.kinds.find(KINDS.index(kind))
    return record.times[-1] if number < 0 else int(record.event(number)[1][member])


def _parameters(record: Record) -> dict[str, Any]:
    """Those of the run that wrote last, by its state; none where that cannot be read."""
    name = record.path.name.removesuffix(ENDING)
    try:
        state = decode(read_file(record.path.with_name(f"{name}_state.json")))
        params = state["document"]["params"]
    except (StateError, ValueError, KeyError, TypeError):
        return {}
    return dict(params) if isinstance(params, dict) else {}
