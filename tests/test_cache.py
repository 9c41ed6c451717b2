"""Downloaded candles are asked for once. Costs 1 s."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.cache import kept_spans, merge_into_cache, read_cache, through_cache
from exchange.checks import check_candles
from exchange.errors import DataError
from exchange.series import Series
from exchange.simulated import simulate
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from exchange.timeframe import HOUR_MS, MINUTE_MS

FIRST_MS = moment_ms("2024-01-01")
SERIES = Series(Symbol("BTC"), "1h")
STEM = SERIES.stem


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
    return through_cache(folder, SERIES, wanted, check, exchange.download, said)


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
    assert [span for span, _ in kept_spans(tmp_path, SERIES)] == [hours(0, 20)]
    other = hours(15, 30)
    truth(other).to_parquet(tmp_path / f"{STEM}_{other.start_ms}_{other.end_ms}.parquet")
    wanted = hours(0, 40)
    pd.testing.assert_frame_equal(fetch(tmp_path, hours(5, 25), exchange), truth(hours(5, 25)))
    pd.testing.assert_frame_equal(fetch(tmp_path, wanted, exchange), truth(wanted))
    assert exchange.asked[2:] == [hours(30, 40)]
    assert [span for span, _ in kept_spans(tmp_path, SERIES)] == [wanted]


def test_a_far_away_file_is_left_alone(tmp_path: Path) -> None:
    exchange = Exchange()
    fetch(tmp_path, hours(0, 10), exchange)
    fetch(tmp_path, hours(500, 510), exchange)
    assert [span for span, _ in kept_spans(tmp_path, SERIES)] == [hours(0, 10), hours(500, 510)]


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


def test_a_long_download_is_written_while_it_comes_and_is_one_file_in_the_end(
    tmp_path: Path,
) -> None:
    minutes = Series(Symbol("BTC"), "1m")
    wanted = Span(FIRST_MS, FIRST_MS + 130_000 * MINUTE_MS)
    rows = simulate(Symbol("BTC"), MINUTE_MS, wanted, 5)
    files: list[int] = []

    def in_pages(_: Span) -> Iterator[tuple[pd.DataFrame, int]]:
        for start in range(0, len(rows), 26_000):
            files.append(len(list(tmp_path.iterdir())))
            page = rows.iloc[start : start + 26_000]
            yield page, int(page["timestamp"].iloc[-1]) + MINUTE_MS

    df = through_cache(tmp_path, minutes, wanted, lambda df, _: df, in_pages, [])
    pd.testing.assert_frame_equal(df, rows)
    assert files == [0, 0, 1, 1, 2]
    assert [span for span, _ in kept_spans(tmp_path, minutes)] == [wanted]


def test_an_interrupt_keeps_the_pages_that_came(tmp_path: Path) -> None:
    def interrupted(span: Span) -> Iterator[tuple[pd.DataFrame, int]]:
        yield from Exchange().download(Span(span.start_ms, span.start_ms + 20 * HOUR_MS))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        through_cache(tmp_path, SERIES, hours(0, 48), check, interrupted, [])
    assert [span for span, _ in kept_spans(tmp_path, SERIES)] == [hours(0, 20)]


def merge(folder: Path, *spans: Span, replace: bool = False, times: float = 1.0) -> tuple[int, ...]:
    parts = [(span, truth(span).assign(volume=lambda df: df["volume"] * times)) for span in spans]
    merged = merge_into_cache(folder, SERIES, parts, "imported", check, [], replace=replace)
    return merged.added, merged.known, merged.replaced


def test_added_rows_leave_what_lies_between_them_to_be_downloaded(tmp_path: Path) -> None:
    assert merge(tmp_path, hours(0, 10), hours(20, 30)) == (20, 0, 0)
    exchange, notes = Exchange(), list[str]()
    wanted = hours(0, 30)
    pd.testing.assert_frame_equal(fetch(tmp_path, wanted, exchange, notes), truth(wanted))
    assert exchange.asked == [hours(10, 20)]
    assert [span for span, _ in kept_spans(tmp_path, SERIES)] == [wanted]
    assert notes == ["some rows of BTC/USDT 1h are imported"]
    assert read_cache(tmp_path, SERIES, wanted, check, [])[1] == ("imported", "Binance")


def test_equal_rows_are_known_and_change_no_file(tmp_path: Path) -> None:
    fetch(tmp_path, hours(0, 30), Exchange())
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert merge(tmp_path, hours(5, 20)) == (0, 15, 0)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_rows_that_differ_are_refused_and_with_replace_take_their_place(tmp_path: Path) -> None:
    fetch(tmp_path, hours(0, 30), Exchange())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError, match="10 of 10 rows of BTC/USDT 1h imported differ") as refusal:
        merge(tmp_path, hours(20, 30), times=2.0)
    assert "first at 2024-01-01 20:00 UTC (volume" in str(refusal.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert merge(tmp_path, hours(25, 35), replace=True, times=2.0) == (5, 0, 5)
    rows, origins = read_cache(tmp_path, SERIES, hours(0, 35), check, [])
    assert rows is not None
    ratio = rows["volume"] / truth(hours(0, 35))["volume"]
    assert ratio.round(9).tolist() == [1.0] * 25 + [2.0] * 10
    assert origins == ("Binance", "imported")


def test_an_outage_of_a_download_can_be_filled_by_added_rows(tmp_path: Path) -> None:
    span = hours(0, 30)
    rows = truth(span).drop(index=range(10, 13))
    rows.to_parquet(tmp_path / f"{STEM}_{span.start_ms}_{span.end_ms}.parquet", index=False)
    assert merge(tmp_path, hours(8, 15)) == (3, 4, 0)
    pd.testing.assert_frame_equal(fetch(tmp_path, span, Exchange(pages=0)), truth(span))


def test_files_that_are_joined_while_they_are_read_are_read_joined(tmp_path: Path) -> None:
    around = hours(0, 40)
    parts = [(hours(0, 20), truth(hours(0, 20))), (hours(20, 40), truth(hours(20, 40)))]
    for part in parts:
        merge_into_cache(tmp_path, SERIES, [part], "Binance", check, [], replace=False)
        for path in tmp_path.iterdir():  # as two processes that knew nothing of each other
            path.rename(tmp_path.parent / path.name)
    for path in tmp_path.parent.glob("*.parquet"):
        path.rename(tmp_path / path.name)
    (first, _), (second, _) = parts
    assert [span for span, _ in kept_spans(tmp_path, SERIES)] == [first, second]
    calls = []

    def joined_meanwhile(rows: pd.DataFrame, where: str) -> pd.DataFrame:
        if not calls:
            calls.append(where)
            fetch(tmp_path, around, Exchange())
        return check(rows, where)

    rows, _ = read_cache(tmp_path, SERIES, around, joined_meanwhile, [])
    assert rows is not None
    pd.testing.assert_frame_equal(rows, truth(around))


def test_nothing_on_the_disk_is_none_and_never_asks(tmp_path: Path) -> None:
    assert read_cache(tmp_path / "nowhere", SERIES, hours(0, 9), check, []) == (None, ())
    fetch(tmp_path, hours(0, 9), Exchange())
    assert read_cache(tmp_path, SERIES, hours(9, 12), check, [])[0] is None


def test_spot_rows_under_a_perpetuals_name_are_set_aside(tmp_path: Path) -> None:
    spot = Series(Symbol("BTC"), "1h", "spot")
    merge_into_cache(
        tmp_path, spot, [(hours(0, 9), truth(hours(0, 9)))], "imported", check, [], replace=False
    )
    (path,) = tmp_path.iterdir()
    path.rename(path.with_name(path.name.replace("-spot", "")))
    notes: list[str] = []
    exchange = Exchange()
    fetch(tmp_path, hours(0, 9), exchange, notes)
    assert exchange.asked == [hours(0, 9)]
    assert "holds spot real rows by its own label" in notes[0]
