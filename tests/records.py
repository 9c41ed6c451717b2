"""What bots record, told by hand to the recorder that bots have."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.events import (
    AccountSeen,
    Alarm,
    BarClosed,
    GridLaid,
    HealthRead,
    LiveEvent,
    Noted,
    OrderAnswered,
    OrderSent,
    Quoted,
    TradeBooked,
)
from engine.live.health import Reading
from engine.live.recorder import Recorder, events_path
from exchange.symbol import Symbol
from tests.bot_documents import QUARTER_MS, account, trade
from tui.bot.record import Record
from tui.bot.replay import Replay

BTC = Symbol.parse("BTC")
MIDNIGHT_MS = 1_736_467_200_000  # 2025-01-10 00:00 UTC


def open_ms(bar: int) -> int:
    """When a bar opens; bar 0 does so at midnight."""
    return MIDNIGHT_MS + bar * QUARTER_MS


def began(at_ms: int, *, again: bool = False) -> Noted:
    """The first thing that a run tells."""
    doing = "goes on" if again else "begins"
    return Noted(at_ms, f"{doing} at SIMULATED market, seed 4, account paper; capital 10,000.00")


def told(bar: int, *, state: Any = "ok", at_ms: int | None = None) -> Iterator[LiveEvent]:
    """A bar: what is laid, filled and answered in it, and where the run stands at its end."""
    begin = open_ms(bar) if at_ms is None else at_ms
    end = begin + QUARTER_MS
    price = 64_000.0 + 10 * bar
    yield GridLaid(bar, begin, (price, price), False, (("entry", f"{price - 300}", "0.023"),))
    name = f"gtrtest01-{bar}-L-e1-1"
    yield OrderSent(begin + 1_000, "place", name, "0.023", f"{price - 300}", "strategy")
    yield OrderAnswered(begin + 1_400, name, "open")
    if bar % 3 == 0:
        row = trade("BUY_OPEN_LONG", price - 300, 0.023, 0) | {"bar": bar}
        yield TradeBooked(row | {"timestamp": begin + 60_000, "client_id": name})
    readings = (
        Reading("heartbeat", f"{bar} s", "< 20 min", "ok"),
        Reading("clock", "0", "5", state),
    )
    yield HealthRead(end - 900, readings)
    values: Any = (price, 10_000.0 + bar, 9_990.0 + bar, (12.0, -2.0), 5, 0, end, ())
    yield Quoted(end - 900, *values, price_ms=end - 1_300, latency_ms=38.0)
    yield AccountSeen(account(bar=bar, opened_ms=begin, bar_end_ms=end))
    yield BarClosed(bar, begin, price, 10_000.0 + bar, 9_990.0 + bar, 0, (12.0, -2.0))


def a_run(first: int, last: int) -> Iterator[LiveEvent]:
    """A run from one bar to another; in its third the clock is wrong for a while."""
    yield began(open_ms(first) + 5_000)
    for bar in range(first, last + 1):
        if bar == first + 2:
            yield Alarm(open_ms(bar) + 2_000, "clock", "the clock is 900 ms off")
        if bar == first + 3:
            yield Alarm(open_ms(bar) + 2_000, "clock", "", over=True)
        yield from told(bar, state="warning" if bar == first + 2 else "ok")


def keep_record(
    data: Path,
    events: Iterable[LiveEvent],
    mode: str = "paper",
    symbol: Symbol = BTC,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Have a recorder write it where a bot's would; returns its file. Without `about` it is one
    of a time when bots did not record what they are."""
    folder = data / "live_state" / ("" if mode == "live" else mode)
    path = events_path(folder, symbol)
    recorder = Recorder(path)
    if about is not None:
        recorder.introduce(about, MIDNIGHT_MS)
    for event in events:
        recorder.take(event)
    recorder.close()
    return path


def record_of(data: Path, events: Iterable[LiveEvent]) -> Record:
    """The record of a bot on paper."""
    return Record(keep_record(data, events), "paper")


def jumping(replay: Replay) -> bool:
    """Whether it is on its way to another moment, which no screen has to know."""
    return replay._target is not None
