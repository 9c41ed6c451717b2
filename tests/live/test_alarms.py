"""What a run raises an alarm about, and what whoever comes later learns of it. Costs 5 s."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from engine.events import Alarm, BarClosed, LiveEvent, TradeBooked
from engine.live.bad_readings import raise_alarms
from engine.live.health import Reading
from engine.live.hits import Hits
from engine.live.view import View
from engine.wording import amount
from tests.live.busy import busy_scene, some_fill_in_parts
from tests.live.harness import BAR_MS, LockStep
from tests.live.test_recovery import miss

T = TypeVar("T")
_STOPS = ("STOP_LONG", "STOP_SHORT")


def expected(trades: Iterable[dict[str, Any]]) -> dict[str, tuple[float, str]]:
    """Of each stop and bar: quantity closed, result as it is written."""
    sums: dict[str, list[float]] = {}
    for row in trades:
        if row["label"] in _STOPS:
            total = sums.setdefault(f"stop {row['side']}, bar {row['bar']}", [0.0, 0.0])
            total[0] += row["qty"]
            total[1] += row["pnl"]
    return {key: (qty, f"{amount(pnl, signed=True)} USDT") for key, (qty, pnl) in sums.items()}


def told(alarms: Iterable[Alarm]) -> dict[str, tuple[float, str]]:
    """The same, by the last words of each alarm."""
    read = {}
    for alarm in alarms:
        if alarm.key.startswith("stop "):
            side = alarm.key.split(",")[0]
            head, _, result = alarm.text.rpartition(", ")
            assert head.startswith(f"{side}: ")
            read[alarm.key] = (float(head.split()[2]), result)
    return read


def same(one: dict[str, tuple[float, str]], other: dict[str, tuple[float, str]]) -> None:
    assert one.keys() == other.keys()
    for key, (qty, result) in one.items():
        assert other[key] == (pytest.approx(qty), result)


@pytest.mark.market_data
class TestAStop:
    async def test_each_that_is_hit_raises_one_alarm_which_is_over_a_bar_later(
        self, market_data: Path, run_files: Path
    ) -> None:
        async with LockStep(busy_scene(market_data), run_files) as walk:
            await walk.walk()
            same(told(walk.alarms), expected(walk.trades))
        raised = Counter(alarm.key for alarm in walk.alarms if alarm.key.startswith("stop "))
        assert len(raised) > 2
        assert set(raised.values()) == {1}
        bars = [index for index, event in enumerate(walk.events) if isinstance(event, BarClosed)]
        for key in raised:
            first, over = [
                index
                for index, event in enumerate(walk.events)
                if isinstance(event, Alarm) and event.key == key
            ]
            assert sum(first < bar < over for bar in bars) in (1, 2)

    async def test_one_that_is_filled_in_parts_is_one_alarm_with_all_that_it_closed(
        self, market_data: Path, run_files: Path
    ) -> None:
        faults = some_fill_in_parts()
        async with LockStep(busy_scene(market_data), run_files, faults=faults) as walk:
            await walk.walk()
            rows = [row for row in walk.trades if row["label"] in _STOPS]
            assert len(rows) > len(expected(walk.trades))
            same(told(walk.alarms), expected(walk.trades))

    async def test_one_that_was_hit_while_nobody_was_there_is_told_with_its_time(
        self, market_data: Path, run_files: Path
    ) -> None:
        async with LockStep(busy_scene(market_data), run_files) as walk:
            await walk.walk(8)
            before = len(walk.events)
            await miss(walk, 4)
            await walk.come_back()
            await walk.look()
            rows = [event.row for event in only(walk.events[before:], TradeBooked)]
            alarms = only(walk.events[before:], Alarm)
            now_ms = walk.runner.run.clock.now_ms()
        same(told(alarms), expected(rows))
        missed = [alarm for alarm in alarms if now_ms - alarm.time_ms > BAR_MS]
        assert [alarm.key.split(",")[0] for alarm in missed] == ["stop long"]
        hit = [row["timestamp"] for row in rows if row["label"] in _STOPS]
        assert missed[0].time_ms == min(hit)

    async def test_a_halt_is_an_alarm_until_entries_are_allowed_again(
        self, market_data: Path, run_files: Path
    ) -> None:
        async with LockStep(busy_scene(market_data), run_files) as walk:
            await walk.walk()
            halted = bool(walk.runner.run.kernel.state[0]["halted"])
        said = [event.over for event in walk.events if is_halt(event)]
        halts = sum(row["label"] == "CIRCUIT_BREAKER_HALT" for row in walk.trades)
        assert halts > 0
        assert said == ([False, True] * halts)[: 2 * halts - halted]


def is_halt(event: LiveEvent) -> bool:
    return isinstance(event, Alarm) and event.key == "circuit breaker"


def only(events: Iterable[LiveEvent], kind: type[T]) -> list[T]:
    return [
        event for event in events if isinstance(event, kind) and not getattr(event, "over", False)
    ]


def reading(name: str, state: Literal["ok", "warning", "bad"]) -> Reading:
    return Reading(name, "3 s", "0 s", state)


@pytest.mark.market_data
async def test_a_reading_that_turns_bad_is_an_alarm_until_it_is_not_bad_any_more(
    market_data: Path, run_files: Path
) -> None:
    async with LockStep(busy_scene(market_data), run_files) as walk:
        for state in ("ok", "bad", "bad", "warning", "bad", "ok", "ok"):
            raise_alarms(
                walk.runner.run, [reading("unprotected", state), reading("positions", state)]
            )
        alarms = [event for event in walk.events if isinstance(event, Alarm)]
    assert [(alarm.key, alarm.over) for alarm in alarms] == [
        ("health: unprotected", over) for over in (False, True, False, True)
    ]
    words = "unprotected: a position is without a stop for all of it at the exchange"
    assert [alarm.text for alarm in alarms[::2]] == [words, words]


def test_what_a_stop_closes_in_one_bar_is_one_alarm_and_another_bar_another() -> None:
    def row(**changes: Any) -> dict[str, Any]:
        usual = {"label": "STOP_LONG", "side": "long", "bar": 7, "timestamp": 1_000}
        return {**usual, "price": 43_000.0, "qty": 0.023, "pnl": -20.0, **changes}

    hits = Hits()
    hits.take(row())
    hits.take(row(price=43_024.0, pnl=-33.034, timestamp=2_000))
    hits.take(row(label="SELL_CLOSE_LONG", qty=1.0))
    words = "stop long: 0.046 closed at 43,012.0, -53.03 USDT"
    assert hits.alarms(Decimal("0.10")) == [Alarm(2_000, "stop long, bar 7", words)]
    assert hits.alarms(Decimal("0.10")) == []
    hits.take(row(label="STOP_SHORT", side="short", bar=8))
    hits.take(row(bar=8, qty=0.054, timestamp=3_000))
    (short, long) = hits.alarms(Decimal("1"))
    assert (short.key, short.text) == (
        "stop short, bar 8",
        "stop short: 0.023 closed at 43,000, -20.00 USDT",
    )
    assert long.text == "stop long: 0.054 closed at 43,000, -20.00 USDT"


def test_alarms_that_are_over_are_shown_to_who_comes_later_up_to_twenty_of_them() -> None:
    view = View({})
    for number in range(30):
        key = f"key {number}"
        view.take(Alarm(number, key, f"text {number}"))
        view.take(Alarm(number + 100, key, "over", over=True))
    view.take(Alarm(500, "key 29", "again"))
    view.take(Alarm(501, "unknown", "over", over=True))
    shown = view.snapshot(None)["alarms"]
    assert len(shown) == 20
    assert shown[0] == {"time_ms": 10, "key": "key 10", "text": "text 10", "over": True}
    assert [each["over"] for each in shown] == [True] * 19 + [False]
    assert shown[-1]["text"] == "again"


@pytest.mark.market_data
async def test_after_a_restart_a_run_shows_the_trades_and_bars_that_it_has_told(
    market_data: Path, run_files: Path
) -> None:
    before, after = View({}), View({})
    async with LockStep(busy_scene(market_data), run_files) as walk:
        walk.hear = before.take
        await walk.walk(40)
        await walk.restart()
        run = walk.runner.run
        after.recall(*run.store.told(run.memory.opened_ms))
        assert after.snapshot(None)["trades"] == before.snapshot(None)["trades"]

        def hear(event: LiveEvent) -> None:
            before.take(event)
            after.take(event)

        walk.hear = hear
        await walk.walk(5)
    both = [view.snapshot(None) for view in (before, after)]
    assert len(both[0]["bars"]) > 40
    assert len(both[0]["trades"]) > 5
    assert both[0]["trades"] == both[1]["trades"]
    names = ("time_ms", "equity", "wallet", "regime", "close", "decided")
    rows = [[[bar[name] for name in names] for bar in shown["bars"]] for shown in both]
    assert rows[0] == rows[1]
