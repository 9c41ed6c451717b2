"""Downloaded candles are asked for once. Costs 1 s."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.cache import kept_spans, through_cache
from exchange.checks import check_candles
from exchange.errors import DataError
from exchange.simulated import simulate
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS

FIRST_MS = moment_ms("2024-01-01")
STEM = "BTCUSDT_1h"


def hours(start: int, end: int) -> Span:
    return Span(FIRST_MS + start * HOUR_MS, FIRST_MS + end * HOUR_MS)


def truth(span: Span) -> pd.DataFrame:
    return simulate(Symbol("BTC"), HOUR_MS, span, 5)


class Exchange:
    """Pages of ten candles up to `last`; the line drops after `pages` of them."""

    def __init__(self, last: int = 10_000, pages: int = 10_000) -> None:
        self.last_ms = FIRST_MS + last * HOUR_MS
        self.pages = pages
        self.asked: list[Span] = []

    def download(self, span: Span) -> Iterator[tuple[pd.DataFrame, int]]:
        self.asked.append(span)
        since = span.start_ms
        end = min(span.end_ms, self.last_ms)
        while since < end:
            if not self.pages:
                raise DataError("the line dropped")
            self.pages -= 1
            until = min(since + 10 * HOUR_MS, end)
            yield truth(Span(since, until)), until
            since = until


def check(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    return check_candles(rows, HOUR_MS, where).frame


def fetch(
    folder: Path, wanted: Span, exchange: Exchange, notes: list[str] | None = None
) -> pd.DataFrame:
    said = [] if notes is None else notes
    return through_cache(folder, STEM, wanted, check, exchange.download, said)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_downloaded_is_not_asked_for_again_nor_is_any_part_of_it(tmp_path: Path) -> None:
    exchange, wanted = Exchange(), hours(0, 48)
    pd.testing.assert_frame_equal(fetch(tmp_path, wanted, exchange), truth(wanted))
    assert names(tmp_path) == [f"BTCUSDT_1h_{wanted.start_ms}_{wanted.end_ms}.parquet"]
    for part in (wanted, hours(5, 20), hours(47, 48)):
        pd.testing.assert_frame_equal(fetch(tmp_path, part, exchange), truth(part))
    assert exchange.asked == [wanted]


def test_only_the_missing_parts_are_downloaded_and_all_becomes_one_file(tmp_path: Path) -> None:
    exchange = Exchange()
    fetch(tmp_path, hours(10, 20), exchange)
    fetch(tmp_path, hours(40, 50), exchange)
    assert len(names(tmp_path)) == 2
    wanted = hours(0, 60)
    pd.testing.assert_frame_equal(fetch(tmp_path, wanted, exchange), truth(wanted))
    assert exchange.asked[2:] == [hours(0, 10), hours(20, 40), hours(50, 60)]
    assert names(tmp_path) == [f"BTCUSDT_1h_{wanted.start_ms}_{wanted.end_ms}.parquet"]


def test_files_that_touch_or_overlap_become_one(tmp_path: Path) -> None:
    exchange = Exchange()
    fetch(tmp_path, hours(0, 10), exchange)
    fetch(tmp_path, hours(10, 20), exchange)
    assert [span for span, _ in kept_spans(tmp_path, STEM)] == [hours(0, 20)]
    other = hours(15, 30)
    truth(other).to_parquet(tmp_path / f"{STEM}_{other.start_ms}_{other.end_ms}.parquet")
    wanted = hours(0, 40)
    pd.testing.assert_frame_equal(fetch(tmp_path, hours(5, 25), exchange), truth(hours(5, 25)))
    pd.testing.assert_frame_equal(fetch(tmp_path, wanted, exchange), truth(wanted))
    assert exchange.asked[2:] == [hours(30, 40)]
    assert [span for span, _ in kept_spans(tmp_path, STEM)] == [wanted]


def test_a_far_away_file_is_left_alone(tmp_path: Path) -> None:
    exchange = Exchange()
    fetch(tmp_path, hours(0, 10), exchange)
    fetch(tmp_path, hours(500, 510), exchange)
    assert [span for span, _ in kept_spans(tmp_path, STEM)] == [hours(0, 10), hours(500, 510)]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 80), st.integers(1, 40)), min_size=1, max_size=6))
def test_whatever_was_asked_before_the_answer_is_the_truth_and_nothing_is_asked_twice(
    tmp_path: Path, wishes: list[tuple[int, int]]
) -> None:
    folder = tmp_path / "-".join(f"{start}.{length}" for start, length in wishes)
    exchange = Exchange()
    for start, length in wishes:
        wanted = hours(start, start + length)
        pd.testing.assert_frame_equal(fetch(folder, wanted, exchange), truth(wanted))
    asked = [hour for span in exchange.asked for hour in range(span.start_ms, span.end_ms, HOUR_MS)]
    assert len(asked) == len(set(asked))


def test_what_the_exchange_does_not_have_yet_is_asked_for_again(tmp_path: Path) -> None:
    assert len(fetch(tmp_path, hours(0, 48), Exchange(last=30))) == 30
    later = Exchange(last=40)
    assert len(fetch(tmp_path, hours(0, 48), later)) == 40
    assert later.asked == [hours(30, 48)]


def test_nothing_at_all_leaves_no_file(tmp_path: Path) -> None:
    assert fetch(tmp_path, hours(100, 120), Exchange(last=30)).empty
    assert names(tmp_path) == []


def test_what_came_before_the_line_dropped_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the line dropped"):
        fetch(tmp_path, hours(0, 48), Exchange(pages=2))
    again = Exchange()
    pd.testing.assert_frame_equal(fetch(tmp_path, hours(0, 48), again), truth(hours(0, 48)))
    assert again.asked == [hours(20, 48)]


@pytest.mark.parametrize("damage", ["cut", "text", "columns", "prices", "span", "empty"])
def test_a_damaged_file_is_named_set_aside_and_downloaded_anew(tmp_path: Path, damage: str) -> None:
    wanted = hours(0, 48)
    fetch(tmp_path, wanted, Exchange())
    (path,) = tmp_path.iterdir()
    rows = pd.read_parquet(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "text":
        path.write_text("not Parquet")
    elif damage == "columns":
        rows.drop(columns="close").to_parquet(path)
    elif damage == "prices":
        rows.assign(high=1.0).to_parquet(path)
    elif damage == "span":
        rows.assign(timestamp=rows["timestamp"] + 50 * HOUR_MS).to_parquet(path)
    else:
        rows.head(0).to_parquet(path)
    notes: list[str] = []
    exchange = Exchange()
    pd.testing.assert_frame_equal(fetch(tmp_path, wanted, exchange, notes), truth(wanted))
    assert exchange.asked == [wanted]
    assert names(tmp_path) == [path.name, f"{path.name}.damaged"]
    (note,) = notes
    assert str(path) in note
    assert f"it is now {path.name}.damaged" in note
    assert "\n" not in note


def test_strangers_in_the_folder_are_not_touched(tmp_path: Path) -> None:
    for name in ("BTCUSDT_1h_x_y.parquet", "BTCUSDT_1h_2_1.parquet", "notes.txt"):
        (tmp_path / name).write_text("mine")
    fetch(tmp_path, hours(0, 10), Exchange())
    for name in ("BTCUSDT_1h_x_y.parquet", "BTCUSDT_1h_2_1.parquet", "notes.txt"):
        assert (tmp_path / name).read_text() == "mine"
    assert len(names(tmp_path)) == 4


def test_a_folder_that_cannot_be_made_costs_a_note_and_not_the_candles(tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    notes: list[str] = []
    wanted = hours(0, 10)
    df = fetch(blocked / "cache", wanted, Exchange(), notes)
    pd.testing.assert_frame_equal(df, truth(wanted))
    assert notes == [f"the cache {blocked / 'cache'} cannot be written (Not a directory)"]


def test_a_write_that_fails_leaves_the_old_file_and_no_scrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(tmp_path, hours(0, 10), Exchange())
    before = names(tmp_path)

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full_disk)
        notes: list[str] = []
        df = fetch(tmp_path, hours(0, 20), Exchange(), notes)
    pd.testing.assert_frame_equal(df, truth(hours(0, 20)))
    assert notes == [f"the cache {tmp_path} cannot be written (No space left on device)"]
    assert names(tmp_path) == before
