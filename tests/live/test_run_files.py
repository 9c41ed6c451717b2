"""What a run keeps on disk and in memory, and how its orders are named there. Costs 2 s."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from engine.events import (
    AccountSeen,
    Alarm,
    BarClosed,
    HealthRead,
    Quoted,
    TradeBooked,
)
from engine.live.health import Reading
from engine.live.memory import Memory
from engine.live.orders import Purpose, Sent
from engine.live.recorder import Recorder, events_path
from engine.live.store import RunStore
from engine.live.view import View
from exchange.client_ids import ClientId
from exchange.symbol import Symbol
from state.events_log import read_events

_HOUR_MS = 3_600_000


def test_alarms_that_are_shown_are_bounded() -> None:
    view = View({})
    for number in range(1_000):
        view.take(Alarm(number, f"key {number}", "text"))
    shown = view.snapshot(None)["alarms"]
    assert 10 < len(shown) < 200
    assert shown[-1]["key"] == "key 999"


def fresh() -> Memory:
    return Memory.fresh("test01", "BTCUSDT", "15m", {}, 10_000.0, 0)


def opened(folder: Path) -> RunStore:
    return RunStore(folder, Symbol.parse("BTC"))


def test_the_journal_keeps_what_the_oldest_checkpoint_needs(run_files: Path) -> None:
    store = opened(run_files)
    for hour in range(1, 15):
        store.journal.append_all([{"do": "place", "id": str(n)} for n in range(3_000)])
        store.save(fresh(), hour * _HOUR_MS)
    oldest = store._snapshots.oldest()
    assert oldest is not None
    needed = int(oldest["journal_seq"])
    assert needed < store.journal.last_seq - 20_000
    assert store.journal.records(needed)[0].seq == needed + 1
    assert len(store.journal.records()) < 40_000
    store.close()


def test_starts_in_a_row_do_not_push_older_checkpoints_out(run_files: Path) -> None:
    for start in range(30):
        store = opened(run_files)
        store.save(fresh(), _HOUR_MS + start * 60_000)
        store.close()
    assert len(list(run_files.glob("*_snapshot_*.json"))) == 1


def test_ids_stay_unique_beyond_a_thousand_orders_and_old_ones_mean_what_they_did() -> None:
    purpose = Purpose(1, "entry", (70_000, 7, 35_000))
    ids = [purpose.client_id("abcdef", revision) for revision in (0, 999, 1_000, 1_001, 250_000)]
    assert len({str(name) for name in ids}) == len(ids)
    assert all(len(str(name)) <= 36 for name in ids)
    assert {Purpose.of(name) for name in ids} == {purpose}
    assert [Purpose.revision_of(name) for name in ids] == [0, 999, 1_000, 1_001, 250_000]
    old = ClientId("abcdef", 70_000, "short", "entry", 7, 35_000 * 1_000 + 5)
    assert (Purpose.of(old), Purpose.revision_of(old)) == (purpose, 5)


def test_an_exit_tells_its_lot_wherever_it_is_written_down() -> None:
    sent = Sent(ClientId("test01", 7, "long", "exit", 8, 3000), Decimal(1), None, lot=(3, 1, 2))
    assert Sent.from_json(sent.to_json()) == sent
    older = {key: value for key, value in sent.to_json().items() if key != "lot"}
    assert Sent.from_json(older).lot is None


def test_what_a_run_tells_is_on_disk_but_for_what_comes_every_second(tmp_path: Path) -> None:
    path = events_path(tmp_path, Symbol.parse("BTC"))
    recorder = Recorder(path)

    def health(state: Literal["ok", "bad"]) -> HealthRead:
        return HealthRead(1, (Reading("errors", "0", "5", state),))

    for second in range(60):
        recorder.take(health("ok"))
        recorder.take(quoted(second))
        recorder.take(AccountSeen({"second": second}))
    recorder.take(health("bad"))
    recorder.take(Alarm(60_000, "errors", "six failures"))
    recorder.take(BarClosed(7, 0, 1.0, 2.0, 3.0, 0, (0.0, 0.0)))
    recorder.take(TradeBooked({"timestamp": 61_000, "label": "STOP_LONG"}))
    recorder.close()
    events = list(read_events(path))
    kinds = [event.kind for event in events]
    assert kinds == ["health", "health", "alarm", "bar", "quote", "account", "trade"]
    assert events[4].payload["price"] == 59.0
    assert events[5].payload == {"second": 59}
    assert [event.at_ms for event in events] == sorted(event.at_ms for event in events)


def test_what_the_bot_is_stands_in_the_record_again_on_each_day(tmp_path: Path) -> None:
    path = events_path(tmp_path, Symbol.parse("BTC"))
    recorder = Recorder(path)
    about = {"mode": "paper", "simulated": True}
    recorder.introduce(about, 5_000)
    for bar in range(200):
        recorder.take(BarClosed(bar, bar * 900_000, 1.0, 2.0, 3.0, 0, (0.0, 0.0)))
    recorder.close()
    said = [event for event in read_events(path) if event.kind == "about"]
    assert [event.at_ms // 86_400_000 for event in said] == [0, 1, 2]
    assert all(event.payload == about for event in said)


def quoted(second: int) -> Quoted:
    return Quoted(second * 1000, float(second), 1.0, 1.0, (0.0, 0.0), 0, 0, 0, (), 0, 0.0)
