"""Importing on the Data screen, and orders that cannot be carried out. Costs 15 s."""

from pathlib import Path

import pytest

from exchange.holdings import holdings
from exchange.simulated import simulate_funding
from exchange.span import Span
from exchange.symbol import Symbol
from tests.history_server import SEED
from tests.screen_text import screen_text, until
from tests.test_tui_data import DAY, MINUTE, START, candles, to_data
from tests.tui_app import opened
from tui.data_work import FetchOrder, ImportOrder
from tui.request import FieldError
from tui.screens.data import DataScreen
from tui.screens.fetch import FetchDialog
from tui.screens.import_files import ImportDialog
from tui.widgets.message_line import MessageLine


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def test_a_file_is_imported_by_keyboard_and_its_gaps_are_said() -> None:
    rows = candles("ETH", MINUTE, 3).drop(index=range(100, 250))
    rows.to_csv("mine.csv", index=False)
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog), "the dialog")
        await pilot.press(*"mine.csv", "enter")
        await until(pilot, lambda: "does not say what it holds" in screen_text(app), "the reason")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog), "the dialog")
        await pilot.press(*"mine.csv", "down", *"eth", "down", *"1m", "enter")
        await until(pilot, lambda: "1 gap, 150 missing minutes" in screen_text(app), "the gap")
        assert "4,170 new" in screen_text(app)
        await until(pilot, lambda: "ETH  1m" in screen_text(app), "the listing")


async def test_files_of_a_folder_that_are_refused_are_said_before_what_was_taken() -> None:
    Path("mine").mkdir()
    for coin in ("BTC", "ETH", "SOL"):
        candles(coin, 15 * MINUTE, 2).to_csv(f"mine/{coin}USDT_15m.csv", index=False)
    Path("mine/XRPUSDT_15m.csv").write_text("not,candles\n1,2\n")
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog), "the dialog")
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: "! 1 file refused" in screen_text(app), "the refusal")
        assert "XRPUSDT_15m.csv" in screen_text(app)
        await until(pilot, lambda: "SOL  15m" in screen_text(app), "the listing")


async def test_of_many_files_that_are_refused_the_first_are_said_and_how_many_more() -> None:
    Path("mine").mkdir()
    for coin in ("BTC", "ETH", "SOL", "XRP"):
        Path(f"mine/{coin}USDT_15m.csv").write_text("not,candles\n1,2\n")
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog), "the dialog")
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: app.screen.query_one(MessageLine).is_cut, "the outcome")

        def told() -> list[str]:
            return [str(each.message) for each in app._notifications]

        whole = "and 2 more, which `gridtui data import mine` names"
        await until(pilot, lambda: any(whole in each for each in told()), "the whole")
        assert told()[0].startswith("4 files refused; ")
        assert told()[0].count("USDT_15m.csv") == 2


async def test_funding_without_a_telling_name_is_imported_by_keyboard() -> None:
    simulate_funding(Symbol("ETH"), Span(START, START + 30 * DAY), SEED).to_csv(
        "rates.csv", index=False
    )
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog), "the dialog")
        await pilot.press(*"rates.csv", "down", *"eth", "down", *"funding", "enter")
        await until(pilot, lambda: "ETH  funding" in screen_text(app), "the listing")


async def test_made_up_candles_are_imported_as_such_by_keyboard() -> None:
    candles("ETH", 15 * MINUTE, 3).to_csv("ETHUSDT_15m.csv", index=False)
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog), "the dialog")
        await pilot.press(*"ETHUSDT_15m.csv", "down", "down", "down", "down", "space", "enter")
        await until(pilot, lambda: "ETH  15m" in screen_text(app), "the listing")
    (kept,) = holdings("data")
    assert kept.series.simulated


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        (("EUR/USD", "15m", "2024-01-01", ""), "coins", "is not a USDT perpetual"),
        (("BTC", " ", "2024-01-01", ""), "timeframes", "at least one timeframe"),
        (("BTC", "7m", "2024-01-01", ""), "timeframes", "'7m' is no timeframe"),
        (("BTC", "15m", "2999-01-01", ""), "start", "lies in the future"),
        (("BTC", "15m", "2024-01-02", "2024-01-01"), "end", "later than the start"),
    ],
)
def test_an_order_that_cannot_be_fetched_names_its_field(
    typed: tuple[str, str, str, str], field: str, words: str
) -> None:
    with pytest.raises(FieldError, match=words) as error:
        FetchOrder.checked(*typed, funding=True)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        (("", "", "", ""), "path", "name a file"),
        (("no/such.csv", "", "", ""), "path", "is not there"),
        ((".", "EUR/USD", "", ""), "coins", "is not a USDT perpetual"),
        ((".", "BTC", "7m", ""), "timeframe", "'7m' is no timeframe"),
    ],
)
def test_an_order_that_cannot_be_imported_names_its_field(
    typed: tuple[str, str, str, str], field: str, words: str
) -> None:
    with pytest.raises(FieldError, match=words) as error:
        ImportOrder.checked(*typed, replace=False)
    assert error.value.field == field


async def test_a_wrong_field_of_a_dialog_is_named_and_gets_the_focus() -> None:
    async with opened((80, 24), Path("data")) as (app, pilot):
        await to_data(app, pilot)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, FetchDialog), "the dialog")
        await pilot.press("down", *"7m", "down", "enter")
        await until(pilot, lambda: "! '7m' is no timeframe" in screen_text(app), "the message")
        assert app.focused is not None
        assert app.focused.id == "timeframes"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DataScreen), "the screen")
