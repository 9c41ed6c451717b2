"""A bot on paper that is begun anew runs with the parameters it had. Costs 5 s."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.live.folders import state_folder
from engine.params import StrategyParams
from exchange.symbol import Symbol
from gridtui import _parser
from state.snapshot import Snapshots
from tests.screen_text import screen_text, until
from tests.tui_app import opened
from tui.bot.begun import form_of
from tui.bot.census import KnownBot
from tui.bot.launch import StartOrder, StartText
from tui.commands.grammar import strategy_flags
from tui.request import FieldError
from tui.screens.start_bot import StartDialog


def ended(folder: Path, **changed: Any) -> KnownBot:
    """A bot on paper that had 5,000 USDT and these parameters."""
    params = StrategyParams(initial_capital=5_000.0, **changed)
    state = state_folder(folder, "paper")
    Snapshots(state, "BTCUSDT").save({"params": params.model_dump(), "capital": 5_000.0})
    now = datetime.now(UTC)
    return KnownBot(Symbol.parse("BTC"), "paper", "ended", now, folder, None, None)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"gamma": 0.123456789012345, "grid_levels": 5},
        {"grid_mode": "arithmetic", "use_ml_regime": True, "leverage": 3, "allow_short": False},
    ],
)
def test_the_command_that_begins_anew_has_the_parameters_of_the_state(
    changed: dict[str, Any], tmp_path: Path
) -> None:
    text, lacks = form_of(ended(tmp_path, **changed))
    assert lacks == "its speed and source"
    assert text.capital == "5000"
    given = _parser().parse_args(["live", *StartOrder.checked(text, tmp_path).flags])
    again = StrategyParams.checked({"initial_capital": 5_000.0, **strategy_flags(given)})
    assert again == StrategyParams(initial_capital=5_000.0, **changed)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"document": {"params": {"gamma": -7}}}'])
def test_a_state_that_cannot_be_read_fills_no_form(content: str, tmp_path: Path) -> None:
    bot = ended(tmp_path)
    (state_folder(tmp_path, "paper") / "BTCUSDT_state.json").write_text(content)
    text, lacks = form_of(bot)
    assert text == StartText("BTC")
    assert lacks == "its capital, speed, source and parameters"


def record(folder: Path, *lines: bytes) -> None:
    """What a bot on paper has told."""
    with (state_folder(folder, "paper") / "BTCUSDT_events.jsonl").open("wb") as file:
        file.writelines(line + b"\n" for line in lines)


def about(speed: object, *, simulated: bool) -> bytes:
    """A line of a record."""
    content = {"at_ms": 1, "kind": "about", "payload": {"speed": speed, "simulated": simulated}}
    return json.dumps(content, separators=(",", ":")).encode()


def test_speed_and_market_are_those_that_the_record_had_last(tmp_path: Path) -> None:
    bot = ended(tmp_path)
    other = b'{"at_ms":2,"kind":"note","payload":{"text":"about"}}'
    record(tmp_path, about(60.0, simulated=False), about(900.0, simulated=True), other)
    text, lacks = form_of(bot)
    assert (text.speed, text.source, lacks) == ("900", "sim", "")
    record(tmp_path, about(1.0, simulated=False), other)
    text, lacks = form_of(bot)
    assert (text.speed, text.source) == ("1", "")
    assert lacks == "the folder of its candles, if it had one"


@pytest.mark.parametrize(
    "line", [b'{"at_ms":1,"kind":"about","pay', about("fast", simulated=True), b'["kind":"about"]']
)
def test_a_record_that_cannot_be_read_says_neither_speed_nor_market(
    line: bytes, tmp_path: Path
) -> None:
    bot = ended(tmp_path)
    record(tmp_path, line)
    assert form_of(bot).lacks == "its speed and source"


@pytest.mark.parametrize(
    ("typed", "words"), [("gama=1", "gama"), ("gamma", "KEY=VALUE"), ("gamma=-1", "gamma")]
)
def test_a_parameter_that_cannot_be_is_named_in_the_form(
    typed: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(FieldError, match=words) as refusal:
        StartOrder.checked(StartText("BTC", parameters=typed), tmp_path)
    assert refusal.value.field == "parameters"


async def test_the_form_that_begins_anew_shows_the_parameters_of_the_state(tmp_path: Path) -> None:
    ended(tmp_path, gamma=0.4, max_position_pct=0.6)
    async with opened((80, 24), tmp_path) as (app, pilot):
        await pilot.press("0")
        await until(pilot, lambda: "ended" in screen_text(app).lower(), "the bot")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
        await until(pilot, lambda: "gamma=0.4 max_position_pct=0.6" in screen_text(app), "them")
        said = " ".join(one.message for one in app._notifications)  # on the screen it is wrapped
        assert "fill in its speed and source" in said


async def test_a_bot_of_another_data_folder_begins_anew_in_that_one(tmp_path: Path) -> None:
    ended(tmp_path / "demo")
    async with opened((80, 24), tmp_path) as (app, pilot):
        await pilot.press("0")
        await until(pilot, lambda: "ended" in screen_text(app).lower(), "the bot")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, StartDialog), "the form")
        assert isinstance(app.screen, StartDialog)
        assert app.screen.order().data_folder == tmp_path / "demo"
