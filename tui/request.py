"""What the form asks for: text as typed, and a request that cannot be wrong."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.errors import DataError
from exchange.span import Span, moment_ms
from exchange.symbol import Symbol

if TYPE_CHECKING:
    from engine.job import BacktestJob

SOURCES = ("sim", "binance", "cache", "cache-spot", "cache-sim", "folder")
_MARKETS = {
    "sim": "SIMULATED market",
    "binance": "Binance",
    "cache": "data on this disk",
    "cache-spot": "SPOT data on this disk",
    "cache-sim": "SIMULATED data on this disk",
}
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
FORM_PARAMETERS = ("initial_capital", "leverage", "allow_short")
"""Parameters that have a field of their own in the form."""


class FieldError(Exception):
    """One line about a form field that cannot be used; `field` is its name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.field = name


@dataclass(frozen=True, slots=True)
class FormText:
    """The form as it stands, unchecked. `changed`: parameters set in their own dialog."""

    coins: str
    source: str
    folder: str
    start: str
    end: str
    capital: str
    leverage: str
    short: bool
    band: bool = False
    changed: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def defaults(cls) -> FormText:
        """What the form shows first: the project's defaults, on `usual_source`."""
        from engine.params import BACKTEST_CONFIG, STRATEGY_PARAMS  # pydantic: 50 ms

        source, folder = usual_source()
        return cls(
            coins=" ".join(Symbol.parse(coin).coin for coin in BACKTEST_CONFIG["coins"]),
            source=source,
            folder=folder,
            start=BACKTEST_CONFIG["start_date"],
            end=BACKTEST_CONFIG["end_date"] or "",
            capital=f"{STRATEGY_PARAMS['initial_capital']:g}",
            leverage=str(STRATEGY_PARAMS["leverage"]),
            short=STRATEGY_PARAMS["allow_short"],
        )


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A backtest to run. Build it with `checked`.

    `band`: under every fill model; `changed`: parameters that differ from the defaults; `text`:
    the form it came from.
    """

    job: BacktestJob
    band: bool
    changed: dict[str, Any]
    text: FormText

    @classmethod
    def checked(cls, text: FormText, data_dir: Path | None = None) -> RunRequest:
        """The request of a filled form. Raises FieldError, which names the field that is wrong."""
        from engine.job import BacktestJob  # pydantic: 50 ms

        coins = coins_named(text.coins)
        source = source_named(text.source, text.folder)
        start, end = period_named(text.start.strip(), text.end.strip())
        changed = _changed(text)
        period = {"coins": coins, "start_date": start, "end_date": end}
        job = BacktestJob.checked(changed, period, source=source, data_dir=data_dir)
        return cls(job, text.band, changed, text)

    @property
    def coins(self) -> list[str]:
        """`BTC`, `ETH`, ..."""
        return [symbol.coin for symbol in self.job.coins]

    @property
    def simulated(self) -> bool:
        """Whether the candles are made up."""
        return self.job.source in ("sim", "cache-sim")

    @property
    def market(self) -> str:
        """Where the candles come from, in a few words."""
        return _MARKETS.get(self.job.source, f"files in {self.job.source}")


def parameters_of(text: FormText) -> dict[str, Any]:
    """The parameters as the form has them; what cannot be read as a number is left out."""
    values = dict(text.changed)
    for name, typed in (("initial_capital", text.capital), ("leverage", text.leverage)):
        try:
            values[name] = _figure(typed)
        except ValueError:
            continue
    values["allow_short"] = text.short
    return values


def coins_named(typed: str) -> list[str]:
    """Coins in any spelling as `BTC/USDT`. Raises FieldError about `coins`."""
    try:
        coins = [Symbol.parse(word).pair for word in typed.replace(",", " ").split()]
    except DataError as error:
        raise FieldError("coins", str(error)) from None
    if not coins:
        raise FieldError("coins", "name at least one coin, such as BTC")
    return coins


def usual_source() -> tuple[str, str]:
    """Source and folder that a form shows first: those of the environment (GRIDTUI_SOURCE), else
    the simulated market."""
    source = os.environ.get("GRIDTUI_SOURCE") or "sim"
    return (source, "") if source in SOURCES else ("folder", source)


def source_named(source: str, folder: str) -> str:
    """A source as it is chosen, or the folder that is typed. Raises FieldError about `folder`."""
    if source != "folder":
        return source
    path = os.path.expanduser(folder.strip())
    if not os.path.isdir(path):
        raise FieldError("folder", f"'{folder}' is no folder: name one with candles")
    return path


def period_named(start: str, end: str) -> tuple[str, str | None]:
    """Start and end of a time that has begun. Raises FieldError about `start` or `end`."""
    if not start:
        raise FieldError("start", "name the first day, such as 2024-01-01")
    try:
        start_ms = moment_ms(start)
    except DataError as error:
        raise FieldError("start", str(error)) from None
    now = time.time_ns() // 1_000_000
    if start_ms >= now:
        raise FieldError("start", f"{start} lies in the future: name a day that has passed")
    try:
        Span(start_ms, moment_ms(end) if end else now)
    except DataError as error:
        raise FieldError("end", str(error)) from None
    return start, end or None


def _changed(text: FormText) -> dict[str, Any]:
    """Every parameter that differs from its default, checked."""
    from engine.errors import ParameterError
    from engine.params import STRATEGY_PARAMS, StrategyParams, range_of

    typed: dict[str, Any] = dict(text.changed)
    fields = {"initial_capital": ("capital", text.capital), "leverage": ("leverage", text.leverage)}
    for name, (form_field, value) in fields.items():
        try:
            typed[name] = _figure(value)
            StrategyParams.checked({name: typed[name]})
        except ValueError:  # ParameterError is one
            shown = f"'{value.strip()}'" if value.strip() else "nothing"
            comma = " (decimals follow a point)" if "," in value else ""
            message = f"{form_field} takes {range_of(name)}, not {shown}{comma}"
            raise FieldError(form_field, message) from None
    typed["allow_short"] = text.short
    try:
        values = StrategyParams.checked(typed).model_dump()
    except ParameterError as error:
        raise FieldError("parameters", str(error)) from None
    return {name: value for name, value in values.items() if value != STRATEGY_PARAMS[name]}


def _figure(typed: str) -> float | int:
    """The number that `10 000`, `10,000` or `1e4` mean. Raises ValueError."""
    value = float(without_separators(typed))
    return int(value) if value.is_integer() else value


def without_separators(typed: str) -> str:
    """`10 000`, `10,000` and `10_000` as `10000`.

    Raises:
        ValueError: a comma that does not part thousands, as in `1000,50`.
    """
    text = typed.replace(" ", "").replace("_", "")
    if "," in text and not _THOUSANDS.fullmatch(text):
        raise ValueError(f"{typed.strip()}: decimals follow a point; a comma parts thousands")
    return text.replace(",", "")
