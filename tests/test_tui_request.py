"""What the form's text means, and which field is named when it means nothing. Costs 1 s."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.events import BarsDone
from engine.summary import Row
from tui.feed import BacktestFeed
from tui.optimizer_order import named_as_in_the_form
from tui.request import FieldError, FormText, RunRequest, parameters_of, without_separators
from tui.store import Progress, _advance

GOOD = FormText(
    coins="btc, ETHUSDT btc/usdt",
    source="sim",
    folder="",
    start="2024-01-01",
    end="2024-02-01",
    capital="5 000",
    leverage="3",
    short=False,
)


def test_coins_in_any_spelling_are_each_taken_once() -> None:
    assert RunRequest.checked(GOOD).coins == ["BTC", "ETH"]


def test_only_parameters_that_differ_from_the_defaults_are_changes() -> None:
    request = RunRequest.checked(replace(GOOD, changed={"gamma": 0.5, "kappa": 2}))
    assert request.changed == {
        "kappa": 2.0,
        "leverage": 3,
        "allow_short": False,
        "initial_capital": 5000.0,
    }
    assert request.job.params.kappa == 2.0


def test_an_empty_end_means_now() -> None:
    assert RunRequest.checked(replace(GOOD, end=" ")).job.end is None


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"coins": "  "}, "coins", "at least one coin"),
        ({"coins": "BTC EUR/USD"}, "coins", "'EUR/USD' is not a USDT perpetual"),
        ({"source": "folder", "folder": "/no/such/place"}, "folder", "is no folder"),
        ({"start": ""}, "start", "name the first day"),
        ({"start": "31.01.2024"}, "start", "is not a time"),
        ({"start": "2999-01-01"}, "start", "lies in the future"),
        ({"end": "2023-01-01"}, "end", "give an end that is later"),
        ({"end": "tomorrow"}, "end", "is not a time"),
        ({"capital": "much"}, "capital", "above 0 to 1e+12, not 'much'"),
        ({"capital": "-5"}, "capital", "not '-5'"),
        ({"capital": "1000,50"}, "capital", "not '1000,50' (decimals follow a point)"),
        ({"capital": "1,00,000"}, "capital", "not '1,00,000'"),
        ({"capital": ""}, "capital", "not nothing"),
        ({"leverage": "0"}, "leverage", "1 to 125, not '0'"),
        ({"leverage": "2.5"}, "leverage", "a whole number"),
        ({"changed": {"gamma": -1}}, "parameters", "gamma = -1 is out of range"),
    ],
)
def test_a_field_that_cannot_be_used_is_named_in_one_line(
    change: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(FieldError) as error:
        RunRequest.checked(replace(GOOD, **change))
    assert error.value.field == field
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_a_source_of_candles(tmp_path: Path) -> None:
    request = RunRequest.checked(replace(GOOD, source="folder", folder=str(tmp_path)))
    assert request.job.source == str(tmp_path)
    assert not request.simulated
    assert str(tmp_path) in request.market


@pytest.mark.parametrize(
    ("source", "market", "made_up"),
    [
        ("cache", "data on this disk", False),
        ("cache-spot", "SPOT data on this disk", False),
        ("cache-sim", "SIMULATED data on this disk", True),
    ],
)
def test_data_on_this_disk_are_a_source_that_names_its_market(
    source: str, market: str, made_up: bool
) -> None:
    request = RunRequest.checked(replace(GOOD, source=source))
    assert (request.job.source, request.market, request.simulated) == (source, market, made_up)


def test_the_form_opens_on_the_simulated_market_with_the_projects_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GRIDTUI_SOURCE", raising=False)
    text = FormText.defaults()
    assert (text.coins, text.source, text.start) == ("BTC ETH SOL", "sim", "2024-01-01")
    assert (text.capital, text.leverage, text.short) == ("10000", "1", True)
    assert RunRequest.checked(text).changed == {}


@pytest.mark.parametrize(
    ("named", "source", "folder"),
    [("binance", "binance", ""), ("/data/candles", "folder", "/data/candles")],
)
def test_a_source_named_by_the_environment_is_the_forms_default(
    monkeypatch: pytest.MonkeyPatch, named: str, source: str, folder: str
) -> None:
    monkeypatch.setenv("GRIDTUI_SOURCE", named)
    text = FormText.defaults()
    assert (text.source, text.folder) == (source, folder)


def test_parameters_are_read_from_a_form_whose_numbers_may_be_wrong() -> None:
    values = parameters_of(replace(GOOD, leverage="x", changed={"gamma": 0.3}))
    assert values == {"gamma": 0.3, "initial_capital": 5000, "allow_short": False}


def test_a_comma_parts_thousands_and_nothing_else() -> None:
    assert without_separators("12,345,678.5") == "12345678.5"
    assert without_separators("1_000 000") == "1000000"
    for typed in ("1000,50", "1,5", "1,0000", ",500", "0.5,000"):
        with pytest.raises(ValueError, match="decimals follow a point"):
            without_separators(typed)


def test_a_run_that_stands_at_its_first_bars_is_said_to_be_compiled() -> None:
    progress = Progress(BacktestFeed(RunRequest.checked(GOOD)), 0.0)
    _advance(progress, BarsDone("BTC", 61, 2_976))
    began = progress.stage_started
    assert progress.words(began + 1.0) == "BTC: bar 61 of 2,976"
    assert progress.words(began + 7.0) == "compiling the kernel, once, about 20 s: 7 s"
    _advance(progress, BarsDone("BTC", 500, 2_976))
    assert progress.words(began + 60.0) == "BTC: bar 500 of 2,976"
    _advance(progress, BarsDone("ETH", 61, 2_976))
    assert progress.words(began + 60.0) == "ETH: bar 61 of 2,976"


def test_messages_of_a_search_name_the_fields_of_its_form() -> None:
    words = "give an earlier --start, fewer --windows or a smaller --holdout; --join goes on"
    told = "give an earlier 'from', fewer 'windows' or a smaller 'hold-out'; --join goes on"
    assert named_as_in_the_form(words) == told


def test_what_is_not_defined_has_no_unit() -> None:
    assert str(Row("Win Rate", "n/a", "%")).split() == ["Win", "Rate", "n/a"]
    assert str(Row("Win Rate", "51.00", "%")).split() == ["Win", "Rate", "51.00%"]
