"""How a bot was begun, by what its state file has: the form that begins one like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.live.folders import state_folder
from state.exact_json import decode
from tui.bot.launch import StartText

if TYPE_CHECKING:
    from tui.bot.census import KnownBot

_FIELDS = ("initial_capital", "leverage", "allow_short")
"""Parameters that have a field of their own in the form."""


def form_of(bot: KnownBot) -> StartText | None:
    """Its capital, leverage, sides and every other parameter that is not the default.

    None where the state cannot be read. A state knows neither speed nor source. Reads a file.
    """
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
