"""A recorded run, played again. Costs 14 s, of which a bot on paper takes 11 s."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.events import Noted, TradeBooked
from engine.live.bot import Bot
from engine.live.config import BotConfig
from engine.live.recorder import events_path
from engine.params import StrategyParams
from exchange.errors import DataError
from state.errors import StateError
from tests.bot_app import Clock
from tests.records import BTC, a_run, jumping, keep_record, open_ms
from tui.bot.record import Record
from tui.bot.replay import SPEEDS, Replay
from tui.bot.replayed import ReplayedView, Scene
from tui.bot.view import BotView

SPEED = 9_000.0
"""A candle in a tenth of a second; a quote comes with every tenth."""


@contextmanager
def opened(path: Path) -> Iterator[Record]:
    record = Record(path, "paper")
    try:
        yield record
    finally:
        record.close()


@asynccontextmanager
async def playing(record: Record, **settings: Any) -> Any:
    """A replay that is held, once it shows something."""
    replay = Replay(record, **settings)
    replay.paused = True
    views: list[ReplayedView] = []
    replay.start(views.append)
    try:
        await arrived(replay)
        yield replay, views
    finally:
        await replay.close()


async def arrived(replay: Replay) -> None:
    async with asyncio.timeout(60):
        while replay.view is None or jumping(replay):
            await asyncio.sleep(0.01)


def seen(view: BotView) -> dict[str, Any]:
    """What a screen can see of a view."""
    names = ("account", "quote", "grid", "bars", "trades", "requests", "lines")
    plain = {name: getattr(view, name) for name in names} | {
        "states": [(reading["name"], reading["state"]) for reading in view.readings],
        "alarms": [alarm for alarm in view.alarms.values() if not alarm["over"]],
    }
    return json.loads(json.dumps(plain, default=list))


async def a_bot_on_paper(folder: Path) -> BotView:
    """Let a bot trade for some bars; what somebody has seen who has watched from the beginning,
    with the prices and positions of the last bar's end."""
    from engine.live.wording import LiveText

    config = BotConfig(BTC, "paper", StrategyParams(), folder, speed=SPEED)
    events: list[tuple[str, Any]] = []
    bot = Bot(config, lambda kind, payload: events.append((kind, payload)))
    task = asyncio.create_task(bot.run())
    async with asyncio.timeout(60):
        while sum(kind == "bar" for kind, _ in events) < 30:
            await asyncio.sleep(0.02)
        bot.stop()
        await task
    view = BotView(Clock())
    nothing = dict.fromkeys(("account", "quote", "grid", "health"), None)
    nothing |= {name: [] for name in ("trades", "bars", "requests", "alarms")}
    view.begin({"about": bot.view.about, **nothing})
    text = LiveText(bot.view.about)
    last_bar = max(n for n, (kind, _) in enumerate(events) if kind == "bar")
    for number, (kind, payload) in enumerate(events):
        if number > last_bar and kind in ("quote", "account"):
            continue
        view.take(kind, payload)
        for said in text.say(kind, payload):
            view.write(said.level, said.text)
    return view


async def test_at_its_end_a_replay_shows_what_whoever_watched_the_bot_has_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    watched = await a_bot_on_paper(tmp_path / "data")
    assert watched.trades or watched.requests
    with opened(events_path(tmp_path / "data" / "live_state" / "paper", BTC)) as record:
        async with playing(record) as (replay, _):
            replay.seek("end")
            await arrived(replay)
            view = replay.view
            assert seen(view) == seen(watched)
            assert view.mode == "replay"
            assert view.about["params"] == watched.about["params"]
            kept = ("symbol", "timeframe", "simulated")
            assert [view.about[name] for name in kept] == [watched.about[name] for name in kept]
            assert view.about["recorded"] == "paper"


async def test_wherever_it_is_entered_it_shows_what_playing_up_to_there_does(
    tmp_path: Path,
) -> None:
    with opened(keep_record(tmp_path, [*a_run(4, 9), *a_run(14, 16)])) as record:
        scene, replay = Scene(record), Replay(record)
        played, text = scene.at(replay, 0)
        moments = []
        for number in range(len(record)):
            played.feed(*record.event(number), text)
            counts = {k: n for k, n in played.counts.items() if k not in ("line", "snapshot")}
            moments.append((number + 1, seen(played), counts))
        for number, all_of_it, counts in [*moments, *moments[::-1], *moments[::7]]:
            entered, text = scene.at(replay, number)
            assert seen(entered) == all_of_it
            assert {k: entered.counts.get(k) for k in counts} == counts
            for later in range(number, len(record)):
                entered.feed(*record.event(later), text)
            assert seen(entered) == moments[-1][1]


async def test_it_begins_where_the_first_prices_are_and_steps_from_bar_to_bar(
    tmp_path: Path,
) -> None:
    with opened(keep_record(tmp_path, a_run(4, 9))) as record:
        async with playing(record) as (replay, views):
            assert (replay.view.quote["price"], replay.view.account["bar"]) == (64_040.0, 4)
            replay.step(1)
            await arrived(replay)
            assert replay.view.account["bar"] == 5
            replay.step(1)
            replay.step(1)
            await arrived(replay)
            assert replay.view.account["bar"] == 7
            assert len(views) == 1
            replay.step(-1)
            await arrived(replay)
            assert (replay.view.account["bar"], len(replay.view.bars)) == (6, 3)
            for _ in range(9):
                replay.step(-1)
            await arrived(replay)
            assert (replay.view.account, replay.share) == ({}, 0.0)
            for _ in range(9):
                replay.step(1)
            await arrived(replay)
            assert (replay.view.account["bar"], replay.words) == (9, "x60 end")


async def test_time_passes_at_its_speed_and_not_while_it_is_held(tmp_path: Path) -> None:
    clock = Clock()
    with opened(keep_record(tmp_path, a_run(4, 9))) as record:
        async with playing(record, clock=clock, speed=60.0) as (replay, _):
            began_ms = replay.now_ms
            clock.now += 20
            await asyncio.sleep(0.25)
            assert (replay.now_ms, replay.words) == (began_ms, "x60 paused")
            replay.toggle()
            await asyncio.sleep(0.25)
            clock.now += 20
            async with asyncio.timeout(60):
                while replay.now_ms != began_ms + 20 * 60 * 1000:
                    await asyncio.sleep(0.01)
            view = replay.view
            assert (view.account["bar"], view.now_ms, view.stale) == (5, replay.now_ms, False)
            assert view.price_age_s == 300.0
            assert view.candle_left_s == 601.0 - 0.1
            replay.change_speed(1)
            assert (replay.words, view.about["speed"]) == ("x120", 120.0)
            clock.now += 1e4
            async with asyncio.timeout(60):
                while replay.words != "x120 end":
                    await asyncio.sleep(0.01)
            assert replay.now_ms == record.times[-1]
            replay.toggle()
            await arrived(replay)
            assert (replay.view.account["bar"], replay.words) == (4, "x120")


async def test_time_in_which_nobody_traded_is_skipped_and_that_is_said(tmp_path: Path) -> None:
    clock = Clock()
    events = [*a_run(4, 6), *a_run(300, 302)]
    with opened(keep_record(tmp_path, events)) as record:
        async with playing(record, clock=clock) as (replay, _):
            replay.seek("run 2")
            await arrived(replay)
            replay.step(-1)
            await arrived(replay)
            assert replay.view.account["bar"] == 6
            replay.toggle()
            async with asyncio.timeout(60):
                while replay.now_ms < open_ms(300):
                    clock.now += 0.1
                    await asyncio.sleep(0.01)
            texts = [text for _, text in replay.view.lines]
            gap = "[2025-01-10 01:44:59] REPLAY | nothing is recorded of the next 3d01: skipped"
            assert "begins at SIMULATED market" in texts[texts.index(gap) + 1]


@pytest.mark.parametrize(
    ("written", "bar"),
    [
        ("02:20", 8),
        ("2025-01-10 01:31", 5),
        ("0%", None),
        ("100%", 9),
        ("50 %", 6),
        ("run 1", None),
    ],
)
async def test_moments_are_written_as_people_write_them(
    tmp_path: Path, written: str, bar: int | None
) -> None:
    with opened(keep_record(tmp_path, a_run(4, 9))) as record:
        async with playing(record) as (replay, _):
            replay.seek(written)
            await arrived(replay)
            assert replay.view.account.get("bar") == bar


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "'' is no moment"),
        ("noon", "'noon' is no moment: write 14:30"),
        ("27:99", "'27:99' is no moment"),
        ("23:59", "23:59 UTC is not in the record, which goes from 2025-01-10 01:00:05 UTC to"),
        ("2024-01-01", "2024-01-01 00:00 UTC is not in the record"),
        ("run 3", "the record has 1 beginning of a run"),
    ],
)
async def test_a_moment_that_there_is_not_is_refused_and_nothing_moves(
    tmp_path: Path, written: str, complaint: str
) -> None:
    with opened(keep_record(tmp_path, a_run(4, 9))) as record:
        replay = Replay(record)
        before = (replay.now_ms, jumping(replay))
        with pytest.raises(DataError, match=complaint):
            replay.seek(written)
        assert (replay.now_ms, jumping(replay)) == before


async def test_a_run_that_follows_a_crash_begins_without_its_alarms(tmp_path: Path) -> None:
    crashed = list(a_run(4, 6))[:-1]
    with opened(keep_record(tmp_path, [*crashed, *a_run(10, 11)])) as record:
        async with playing(record) as (replay, _):
            replay.seek("01:45")
            await arrived(replay)
            assert [alarm["text"] for alarm in replay.view.unseen] == ["the clock is 900 ms off"]
            assert {reading["state"] for reading in replay.view.readings} == {"ok", "warning"}
            replay.seek("run 2")
            await arrived(replay)
            assert (replay.view.unseen, replay.view.readings) == ([], ())
            assert len(replay.view.bars) == 2


async def test_what_happened_before_its_first_file_is_read_from_the_files_beside_it(
    tmp_path: Path,
) -> None:
    events = list(a_run(4, 9))
    middle = next(n for n, event in enumerate(events) if getattr(event, "bar", 0) == 7)
    path = keep_record(tmp_path, events[middle:])
    columns = "time,equity,wallet,regime,close,decided,paused\n"
    rows = (f"{open_ms(bar)},{9_000.0 + bar},9000.0,0,64000.0,1,0\n" for bar in range(4, 9))
    path.with_name("BTCUSDT_equity.csv").write_text(columns + "".join(rows))
    trades = [event.row for event in events if isinstance(event, TradeBooked)]
    text = "".join(f"{json.dumps(row)}\n" for row in trades)
    path.with_name("BTCUSDT_trades.jsonl").write_text(text + '{"timestamp": 1}\nnonsense\n')
    with opened(path) as record:
        async with playing(record) as (replay, _):
            assert record.runs == []
            view = replay.view
            assert [bar["equity"] for bar in view.bars] == [9_004.0, 9_005.0, 9_006.0, 10_007.0]
            assert [row["bar"] for row in view.trades] == [6]
            replay.seek("end")
            await arrived(replay)
            assert [row["bar"] for row in replay.view.trades] == [6, 9]


def test_what_is_damaged_is_left_out_and_counted(tmp_path: Path) -> None:
    path = keep_record(tmp_path, a_run(4, 9))
    with opened(path) as record:
        whole = len(record)
        assert record.complaint == ""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = b"\x00" * (len(lines[3]) - 1) + b"\n"
    lines[9] = lines[9].replace(b'"payload":{"', b'"payload":{"x')
    lines[-1] = lines[-1][:20]
    path.write_bytes(b"".join(lines))
    with opened(path) as record:
        assert len(record) == whole - 3
        assert record.complaint == "BTCUSDT_events.jsonl: 2 lines damaged and left out"
        assert [record.event(n)[0] for n in range(3)] == ["note", "grid", "order sent"]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("bar", "time_ms", None),
        ("note", "text", 5),
        ("quote", "time_ms", None),
        ("grid", "orders", 7),
        ("health", "readings", None),
        ("account", "sides", []),
        ("trade", "timestamp", "x"),
    ],
)
def test_an_event_with_something_of_another_kind_in_it_is_damaged(
    tmp_path: Path, kind: str, name: str, value: object
) -> None:
    path = keep_record(tmp_path, a_run(4, 9))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    number = max(at for at, line in enumerate(lines) if line["kind"] == kind)
    lines[number]["payload"][name] = value
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with opened(path) as record:
        assert (len(record), record.damaged) == (len(lines) - 1, 1)


def test_a_record_of_several_files_is_read_in_order_though_its_bot_moves_them(
    tmp_path: Path,
) -> None:
    path = keep_record(tmp_path, a_run(4, 6))
    path.rename(path.with_name(f"{path.name}.1"))
    keep_record(tmp_path, a_run(7, 9))
    with opened(path) as record:
        path.with_name(f"{path.name}.1").unlink()
        path.rename(path.with_name(f"{path.name}.1"))
        keep_record(tmp_path, a_run(10, 12))
        bars = [record.event(n)[1]["bar"] for n, code in enumerate(record.kinds) if code == 2]
        assert bars == [4, 5, 6, 7, 8, 9]
        assert len(record.runs) == 2


@pytest.mark.parametrize("content", [None, b"", b"nonsense\n"])
def test_a_file_without_an_event_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "BTCUSDT_events.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StateError, match="BTCUSDT_events"):
        Record(path, "paper")


async def test_files_that_are_cut_while_they_are_played_end_the_replay_with_a_reason(
    tmp_path: Path,
) -> None:
    path = keep_record(tmp_path, a_run(4, 9))
    with opened(path) as record:
        async with playing(record) as (replay, _):
            path.write_bytes(b"")
            replay.step(1)
            async with asyncio.timeout(60):
                while replay.view.link != "ended":
                    await asyncio.sleep(0.01)
            assert "the record cannot be read" in replay.view.trouble


def test_speeds_go_from_one_to_the_next_whatever_was_given(tmp_path: Path) -> None:
    with opened(keep_record(tmp_path, a_run(4, 5))) as record:
        replay = Replay(record, 77.0)
        replay.change_speed(1)
        assert replay.speed == 120.0
        for _ in SPEEDS:
            replay.change_speed(-1)
        assert replay.words == "x1"
        for _ in SPEEDS:
            replay.change_speed(1)
        assert replay.words == "x10000"


ABOUT = {
    "mode": "paper",
    "timeframe": "15m",
    "speed": 900.0,
    "params": {"gamma": 0.7},
    "simulated": True,
}


async def test_what_the_run_was_is_said_of_a_record_that_begins_in_its_middle(
    tmp_path: Path,
) -> None:
    events = [event for event in a_run(0, 6) if not isinstance(event, Noted)]
    with opened(keep_record(tmp_path, events, about=ABOUT)) as record:
        assert record.simulated
        async with playing(record) as (replay, _):
            assert replay.view.about["params"] == {"gamma": 0.7}


async def test_requests_of_which_it_was_not_recorded_who_asked_are_whole(tmp_path: Path) -> None:
    path = keep_record(tmp_path, a_run(0, 3))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["payload"].pop("by", None)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with opened(path) as record:
        assert record.damaged == 0
