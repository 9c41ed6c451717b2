"""A run's bars and trades as columns, and the window that is looked at. Costs 2 s."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.timeframe import DAY_MS, HOUR_MS
from tests.bot_app import watched
from tests.bot_documents import bar, snapshot, trade
from tui.bot.history import Earlier, History, read_earlier
from tui.widgets.time_window import TimeWindow

QUARTER = HOUR_MS // 4


def taken(view: Any) -> History:
    history = History()
    history.take(view)
    return history


def numbers(history: History) -> list[int]:
    """Bars by their number in `bot_documents.bar`."""
    first = bar(0)["time_ms"]
    return [(int(time) - first) // QUARTER for time in history.columns().time]


def test_bars_are_read_once_each_as_they_close() -> None:
    view = watched(snapshot(bars=[bar(n) for n in range(300, 310)]))
    history = taken(view)
    assert not history.take(view)
    view.take("bar", bar(310, close=64_000.0, equity=10_500.0))
    view.take("quote", view.quote)
    assert history.take(view)
    columns = history.columns()
    assert numbers(history) == list(range(300, 311))
    assert (columns.close[-1], columns.equity[-1]) == (64_000.0, 10_500.0)


def test_a_snapshot_after_a_broken_line_fills_what_was_missed() -> None:
    view = watched(snapshot(bars=[bar(n) for n in range(300, 310)]))
    history = taken(view)
    view.begin(snapshot(bars=[bar(n, equity=1.0) for n in range(305, 320)]))
    assert history.take(view)
    assert numbers(history) == list(range(300, 320))
    assert history.columns().equity[4:6].tolist() == [10_280.0, 1.0]


def test_another_bot_has_other_bars() -> None:
    history = taken(watched(snapshot(bars=[bar(n) for n in range(300, 310)])))
    history.take(watched(snapshot(bars=[bar(n) for n in range(50, 52)])))
    assert numbers(history) == [50, 51]


def test_what_lies_on_disk_comes_before_what_is_told(tmp_path: Path) -> None:
    written = [bar(n, equity=float(n)) for n in range(290, 305)]
    rows = [f"{b['time_ms']},{b['equity']},1.0,0.0,{b['close']},1.0,0.0\n" for b in written]
    text = "time,equity,wallet,regime,close,decided,paused\n" + "".join(rows)
    (tmp_path / "BTCUSDT_equity.csv").write_text(text + "17")  # a line under way
    trades = [trade("BUY_OPEN_LONG", 64_000.0 + n, 0.01, 5_000 - n) for n in range(5)]
    lines = "".join(f"{json.dumps(row)}\n" for row in trades)
    (tmp_path / "BTCUSDT_trades.jsonl").write_text(lines + '{"n"')
    view = watched(snapshot(bars=[bar(n) for n in range(300, 310)], trades=trades[3:]))
    history = taken(view)
    history.put_before(read_earlier(tmp_path, "BTCUSDT"))
    assert numbers(history) == list(range(290, 310))
    assert history.columns().equity[9:11].tolist() == [299.0, 10_280.0]
    assert [t.price for t in history.trades] == [64_000.0 + n for n in range(5)]
    view.take("bar", bar(310))
    assert history.take(view)
    assert numbers(history) == list(range(290, 311))


@pytest.mark.parametrize("content", [b"", b"time,other\n1,2\n", b"\xff\xfe\x00garbage\n\n,,,\n"])
def test_files_that_make_no_sense_give_no_bars(tmp_path: Path, content: bytes) -> None:
    for name in ("BTCUSDT_equity.csv", "BTCUSDT_trades.jsonl"):
        (tmp_path / name).write_bytes(content)
    earlier = read_earlier(tmp_path, "BTCUSDT")
    assert (len(earlier.time), len(earlier.trades)) == (0, 0)
    assert len(read_earlier(tmp_path / "nothing", "BTCUSDT").time) == 0


def test_columns_are_arrays_of_equal_length() -> None:
    history = History()
    assert [len(column) for column in history.columns()] == [0, 0, 0, 0]
    history.put_before(Earlier())
    columns = taken(watched()).columns()
    assert {len(column) for column in columns} == {112}
    assert (columns.time.dtype, columns.equity.dtype) == (np.int64, np.float64)


FIRST, LAST = 0, 100 * DAY_MS


def test_a_window_goes_through_the_usual_lengths_and_ends_now() -> None:
    window, lengths = TimeWindow(end_ms=50 * DAY_MS), []
    for _ in range(4):
        window.next_usual()
        start, end = window.span(FIRST, LAST)
        assert end == LAST
        lengths.append((end - start) // DAY_MS)
    assert lengths == [30, 100, 1, 7]


def test_a_window_zooms_around_a_moment_and_out_to_everything() -> None:
    window = TimeWindow()
    window.zoom(-1, FIRST, LAST, QUARTER, 94 * DAY_MS)
    start, end = window.span(FIRST, LAST)
    assert (end - start) == 7 * DAY_MS // 2
    assert start < 94 * DAY_MS < end < LAST
    for _ in range(20):
        window.zoom(-1, FIRST, LAST, QUARTER, None)
    start, end = window.span(FIRST, LAST)
    assert end - start == 8 * QUARTER
    for _ in range(20):
        window.zoom(1, FIRST, LAST, QUARTER, None)
    assert window.span(FIRST, LAST) == (FIRST, LAST)


def test_a_window_pans_by_halves_and_stops_at_both_ends() -> None:
    window = TimeWindow(7 * DAY_MS)
    window.pan(-1, FIRST, LAST)
    assert window.span(FIRST, LAST)[1] == LAST - 7 * DAY_MS // 2
    for _ in range(50):
        window.pan(-1, FIRST, LAST)
    assert window.span(FIRST, LAST) == (FIRST, 7 * DAY_MS)
    for _ in range(50):
        window.pan(1, FIRST, LAST)
    assert window.end_ms is None


def test_a_window_says_how_much_of_it_there_is() -> None:
    assert TimeWindow(7 * DAY_MS).words(FIRST, LAST) == "7 days"
    assert TimeWindow(DAY_MS).words(FIRST, LAST) == "1 day"
    assert TimeWindow(7 * DAY_MS).words(LAST - 5 * HOUR_MS, LAST) == "5 h of 7 days"
    assert TimeWindow(None).words(FIRST, LAST) == "everything, 100 days"
