"""How a bot was begun, by its state file and its record: the form that begins one like it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.live.folders import state_folder
from state.exact_json import decode
from tui.bot.launch import StartText
from tui.bot.record import ENDING

if TYPE_CHECKING:
    from tui.bot.census import KnownBot

_FIELDS = ("initial_capital", "leverage", "allow_short")
"""Parameters that have a field of their own in the form."""

_TAIL_BYTES = 4_000_000
"""Of a record; what the bot is stands there once in a day of its own."""


class Begun(NamedTuple):
    """A form, and what it lacks: "" where it has all that the bot was begun with."""

    text: StartText
    lacks: str


def form_of(bot: KnownBot) -> Begun:
    """Its capital, leverage, sides, speed and every parameter that is not the default, as far as
    they can be read. Reads two files."""
    state = _state_of(bot)
    if state is None:
        return Begun(StartText(bot.symbol.coin), "its capital, speed, source and parameters")
    about = _about_of(bot)
    if about is None:
        return Begun(state, "its speed and source")
    simulated = bool(about.get("simulated"))
    text = replace(
        state, speed=f"{about.get('speed', 1.0):g}", source="sim" if simulated else state.source
    )
    return Begun(text, "" if simulated else "the folder of its candles, if it had one")


def _about_of(bot: KnownBot) -> dict[str, Any] | None:
    """What the bot said of itself last, by its record."""
    path = state_folder(bot.data_folder, bot.mode) / f"{bot.symbol.id}{ENDING}"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
        for line in reversed(lines):
            if b'"kind":"about"' in line:
                about = decode(line)["payload"]
                return about if type(about.get("speed", 1.0)) in (int, float) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return None


def _state_of(bot: KnownBot) -> StartText | None:
    from engine.params import StrategyParams  # pydantic: 50 ms

    path = state_folder(bot.data_folder, bot.mode) / f"{bot.symbol.id}_state.json"
    try:
        document = decode(path.read_bytes())["document"]
        params = StrategyParams(**document["params"])
        capital = f"{float(document['capital']):.15g}"
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    defaults = StrategyParams().model_dump()
    changed = [
        f"{name}={value}"
        for name, value in params.model_dump().items()
        if value != defaults[name] and name not in _FIELDS
    ]
    return StartText(
        bot.symbol.coin,
        bot.mode,
        capital,
        f"{params.leverage:g}",
        short=params.allow_short,
        parameters=" ".join(changed),
    )
