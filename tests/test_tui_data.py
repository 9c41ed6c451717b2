"""The Data screen under a pilot: listing, gaps, fetching, importing, checking, deleting. 40 s."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot
from textual.widgets import Button

from exchange.holdings import holdings
from exchange.importing import import_file
from exchange.simulated import simulate, simulate_funding
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol
from tests.history_server import SEED, HistoryServer, serving
from tests.screen_text import screen_text, until
from tests.tui_app import lines, opened, tap
from tui.app import GridTui
from tui.data_work import DataJob, Outcome
from tui.screens.data import DataScreen
from tui.screens.fetch import FetchDialog
from tui.screens.question import Question
from tui.widgets.gap_strip import strip
from tui.widgets.shelf import Shelf

MINUTE, DAY = 60_000, 86_400_000
START = moment_ms("2024-01-01")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryServer]:
    with serving(START, START + 40 * DAY) as history:
        monkeypatch.setenv("GRIDTUI_BINANCE_URL", history.url)
        monkeypatch.setenv("GRIDTUI_ARCHIVES_URL", history.url)
        yield history


def candles(coin: str, step_ms: int, days: int) -> pd.DataFrame:
    return simulate(Symbol(coin), step_ms, Span(START, START + days * DAY), SEED)


def keep(name: str, rows: pd.DataFrame) -> None:
    """Put rows into the cache as an import of a file of that name."""
    path = Path(f"{name}.parquet")
    rows.to_parquet(path)
    import_file(path, "data")


def keep_some() -> None:
    """A whole series, one with two gaps, a spot series, a made-up one, and funding."""
    minutes = candles("SOL", MINUTE, 4)
    keep("BTCUSDT_15m", candles("BTC", 15 * MINUTE, 30))
    keep("ETHUSDT_1m", minutes.drop(index=[*range(100, 250), *range(3000, 3284)]))
    keep("SOLUSDT-spot_1m", minutes)
    keep("SOLUSDT-sim_1m", minutes)
    keep("BTCUSDT_funding", simulate_funding(Symbol("BTC"), Span(START, START + 30 * DAY), SEED))


async def to_data(app: GridTui, pilot: Pilot[None]) -> DataScreen:
    """Go to the Data screen and wait for its listing."""
    await pilot.press("escape", "8")
    await until(pilot, lambda: app.store.data.holdings is not None, "the listing")
    await until(pilot, lambda: isinstance(app.screen, DataScreen), "the screen")
    assert isinstance(app.screen, DataScreen)
    return app.screen


async def choose(app: GridTui, pilot: Pilot[None], name: str) -> None:
    """Highlight a series by its name."""
    shelf = app.screen.query_one(Shelf)
    await pilot.press("home")
    for _ in app.store.data.holdings or ():
        await pilot.pause()
        if shelf.chosen is not None and str(shelf.chosen.series) == name:
            return
        await pilot.press("down")
    raise AssertionError(f"{name} is not in the list")


def without_sizes(text: str) -> str:
    """Bytes on disk depend on the Parquet library's version."""
    return re.sub(r"[\d.]+ [kM]?B", lambda found: "#" * len(found[0]), text)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_empty_disk_tells_a_newcomer_what_to_press(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    async with opened(size, Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await until(pilot, lambda: "fetches candles" in screen_text(app), "the empty state")
        assert screen_text(app) == snapshot


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_series_and_gaps_look_as_they_did(
    size: tuple[int, int], snapshot: SnapshotAssertion
) -> None:
    keep_some()
    async with opened(size, Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await choose(app, pilot, "ETH/USDT 1m")
        await until(pilot, lambda: "2 gaps" in screen_text(app), "the gaps")
        assert without_sizes(screen_text(app)) == snapshot


async def test_work_under_way_looks_as_it_did(snapshot: SnapshotAssertion) -> None:
    keep("BTCUSDT_15m", candles("BTC", 15 * MINUTE, 30))
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        job = DataJob("A download", "", lambda _: Outcome(""))
        job.tell(0.34, "downloading BTC/USDT 1m candles: 34%")
        app.store.data.begin(job)
        await until(pilot, lambda: "esc cancel" in lines(app)[-1], "the keys")
        assert without_sizes(screen_text(app)) == snapshot


def test_work_that_takes_its_time_says_how_long_it_will_take() -> None:
    job = DataJob("A download", "asking", lambda _: Outcome(""))
    job.tell(0.25, "downloading")
    assert job.activity.words == "downloading"
    job.started -= 20.0
    assert job.activity.words == "downloading, about 60 s left"
    job.started -= 200.0
    assert job.activity.words == "downloading, about 11 min left"


async def test_a_spot_or_simulated_series_is_marked_and_says_how_it_is_used() -> None:
    keep_some()
    async with opened((120, 40), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await choose(app, pilot, "SOL/USDT 1m spot")
        await until(pilot, lambda: "--source cache-spot" in screen_text(app), "its use")
        assert "--start 2024-01-01 --end 2024-01-05" in screen_text(app)
        await choose(app, pilot, "SOL/USDT 1m SIMULATED")
        await until(pilot, lambda: "--source cache-sim" in screen_text(app), "its use")
        assert sum("SIMULATED" in line for line in lines(app)) == 2
        assert any("SOL  1m      spot      real" in line for line in lines(app))


@pytest.mark.market_data
async def test_the_crash_files_two_gaps_are_listed_with_start_end_and_length(
    market_data: Path,
) -> None:
    import_file(market_data / "SOLUSDT-spot_1m_2021-04_crash_with_gaps.parquet", "data")
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await until(pilot, lambda: "2 gaps, 434 missing minutes" in screen_text(app), "the gaps")
        await pilot.press("tab", "end")
        await pilot.pause()
        text = screen_text(app)
        assert "2021-04-20 02:00 up to 2021-04-20 04:30  150" in text
        assert "2021-04-25 04:01 up to 2021-04-25 08:45  284" in text


def test_a_cell_with_any_row_missing_is_not_drawn_as_full() -> None:
    assert strip([1.0, 0.999999, 0.5, 0.0]).plain == "█▒▒·"


async def test_candles_are_fetched_by_keyboard_and_only_once(server: HistoryServer) -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        screen = await to_data(app, pilot)
        for told in ("1,728 page by page", "1,728 from the cache"):
            await pilot.press("f")
            await until(pilot, lambda: isinstance(app.screen, FetchDialog), "the dialog")
            await pilot.press(*"btc", "down", *"15m 1h", "down", *"2024-01-02", "down")
            await pilot.press(*"2024-01-20", "enter")
            await until(pilot, lambda told=told: told in screen_text(app), "the outcome")
            await until(pilot, lambda: "BTC  15m" in screen_text(app), "the listing")
        shown = screen.query_one(Shelf)
        assert shown.chosen is not None
        other = server.url.removeprefix("http://").replace(":", "-")
        assert str(shown.chosen.series) == f"BTC/USDT 15m at {other}"
        assert len(server.asked("klines")) == 3
        rows = {str(one.series).removesuffix(f" at {other}"): one.rows for one in holdings("data")}
        assert rows == {"BTC/USDT 15m": 1728, "BTC/USDT 1h": 432, "BTC/USDT funding": 54}


async def test_a_cancelled_download_keeps_what_had_arrived(server: HistoryServer) -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FetchDialog), "the dialog")
        await pilot.press(*"btc", "down", *"1m", "down", *"2024-01-01", "enter")
        await until(pilot, lambda: len(server.asked("klines")) > 3, "some pages")
        assert "running" in lines(app)[0]
        await tap(pilot, "6")
        assert "running" in lines(app)[0]
        await tap(pilot, "escape", "8", "escape")
        await until(pilot, lambda: "cancelled; what had arrived" in screen_text(app), "the end")
        await until(pilot, lambda: "BTC  1m" in screen_text(app), "the listing")
        (kept,) = holdings("data")
        assert 1000 <= kept.rows < 40 * 1440
        assert kept.gaps == ()


async def test_leaving_during_a_download_asks_and_says_what_becomes_of_it(
    server: HistoryServer,
) -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FetchDialog), "the dialog")
        await pilot.press(*"btc", "down", *"1m", "down", *"2024-01-01", "enter")
        await until(pilot, lambda: len(server.asked("klines")) > 1, "some pages")
        await tap(pilot, "q")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        assert "A download is under way. Leaving stops it" in " ".join(screen_text(app).split())
        await tap(pilot, "y")
        await until(pilot, lambda: not app.is_running, "the end")
        await until(pilot, lambda: not app.store.busy, "the end of the thread")
    (kept,) = holdings("data")
    assert kept.rows >= 1000


@pytest.mark.usefixtures("server")
async def test_what_binance_does_not_know_is_a_plain_line() -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FetchDialog), "the dialog")
        await pilot.press(*"nope", "enter")
        await until(pilot, lambda: "! Binance has no perpetual NOPE" in screen_text(app), "it")
        assert "Traceback" not in screen_text(app)
        assert "idle" in lines(app)[0]


@pytest.mark.usefixtures("server")
async def test_a_coin_that_binance_does_not_know_gets_the_focus_of_the_backtest_form() -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await pilot.press("f", "ctrl+u", *"nope", "down", "space", "enter")
        await until(pilot, lambda: app.store.message_is_error, "the error")
        assert "Binance has no perpetual NOPE" in app.store.message
        assert app.focused is not None
        assert app.focused.id == "coins"


async def test_a_check_says_that_rows_are_sound_or_what_is_wrong() -> None:
    keep("BTCUSDT_15m", candles("BTC", 15 * MINUTE, 30))
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await until(pilot, lambda: "not checked" in screen_text(app), "the state before")
        await pilot.press("c")
        await until(pilot, lambda: "every row is sound" in screen_text(app), "the verdict")
        (path,) = Path("data/cache").glob("*.parquet")
        rows = pd.read_parquet(path)
        rows.loc[5, "high"] = rows["low"][5] / 2
        rows.to_parquet(path)
        await until(pilot, lambda: "not checked" in screen_text(app), "the change to be seen")
        await pilot.press("c")
        await until(pilot, lambda: "1 error" in screen_text(app), "the verdict")
        await pilot.press("tab", "end")
        await pilot.pause()
        assert "high" in screen_text(app)


async def test_deleting_asks_first_with_cancel_in_focus_and_then_deletes() -> None:
    keep_some()
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await choose(app, pilot, "ETH/USDT 1m")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        assert isinstance(app.focused, Button)
        assert app.focused.id == "no"
        text = screen_text(app)
        assert "5,326 rows" in text
        assert "in 3 files" in text
        assert "ETHUSDT_1m_*.parquet" in text
        assert "What was imported is gone" in text
        await pilot.press("enter")
        await pilot.pause()
        assert len(holdings("data")) == 5
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Question), "the question")
        await pilot.press("y")
        await until(pilot, lambda: "deleted ETH/USDT 1m: 3 files" in screen_text(app), "the end")
        await until(pilot, lambda: "ETH  1m" not in screen_text(app), "the listing")
        assert len(holdings("data")) == 4


async def test_the_list_is_filtered_by_word_and_escape_shows_everything() -> None:
    keep_some()
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("/", *"spot")
        await until(pilot, lambda: "1 of 5 series" in screen_text(app), "the filter")
        assert "enter keep" in lines(app)[-1]
        await pilot.press("enter", "/", "home", "!")
        await until(pilot, lambda: "4 of 5 series" in screen_text(app), "its opposite")
        await pilot.press("escape")
        await until(pilot, lambda: "disk  5 series" in screen_text(app), "everything")


async def test_a_series_that_another_process_adds_appears_within_seconds() -> None:
    keep("BTCUSDT_15m", candles("BTC", 15 * MINUTE, 30))
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        keep("ETHUSDT_15m", candles("ETH", 15 * MINUTE, 30))
        await until(pilot, lambda: "ETH  15m" in screen_text(app), "the new series")


async def test_a_damaged_file_is_marked_and_named() -> None:
    keep("BTCUSDT_15m", candles("BTC", 15 * MINUTE, 30))
    (path,) = Path("data/cache").glob("*.parquet")
    path.write_bytes(b"no parquet")
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await until(pilot, lambda: "! BTC" in screen_text(app), "the mark")
        assert f"! {path.name} cannot be read" in screen_text(app)
        assert "nothing can be read" in screen_text(app)


async def test_what_the_screen_says_of_itself_does_not_follow_to_another_screen() -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("c")
        await until(pilot, lambda: "no series to do this" in screen_text(app), "the advice")
        await pilot.press("9")
        await until(pilot, lambda: "kama_period:" in screen_text(app), "Config")
        assert "no series to do this" not in screen_text(app)
        await pilot.press("8")
        await until(pilot, lambda: isinstance(app.screen, DataScreen), "the screen again")
        await until(pilot, lambda: "no series to do this" not in screen_text(app), "no advice")


async def test_what_was_fetched_is_said_elsewhere_until_the_screen_itself_says_it() -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        data = await to_data(app, pilot)
        await pilot.press("9")
        await until(pilot, lambda: "kama_period:" in screen_text(app), "Config")
        data.take_outcome(Outcome("960 rows fetched"))
        await until(pilot, lambda: "8 shows more" in screen_text(app), "the word")
        await pilot.press("4")
        await until(pilot, lambda: "[Orders]" in screen_text(app), "another screen")
        assert "8 shows more" in screen_text(app)
        await pilot.press("8")
        await until(pilot, lambda: "960 rows fetched" in screen_text(app), "the line")
        await until(pilot, lambda: "8 shows more" not in screen_text(app), "no toast over it")
        assert not list(app._notifications)
