"""Every parameter of the strategy: its default, range and meaning, and how settings are checked.

`STRATEGY_PARAMS` (defaults), `BACKTEST_CONFIG` and `OPTIMIZER_SPACE` are plain dictionaries for
scripts to copy and change. `StrategyParams.checked(config)` turns such a dictionary into a frozen
record that cannot be wrong; engine code only ever sees the record.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.errors import ParameterError


class StrategyParams(BaseModel):
    """One complete, validated set of strategy parameters (units in the descriptions)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Signal
    kama_period: int = Field(10, ge=2, le=500, description="bars of the efficiency ratio and KAMA")
    kama_fast: int = Field(2, ge=1, le=500, description="fast EMA length of KAMA, bars")
    kama_slow: int = Field(30, ge=1, le=1000, description="slow EMA length of KAMA, bars")
    atr_period: int = Field(14, ge=1, le=500, description="Wilder ATR length, bars")
    adx_period: int = Field(14, ge=2, le=500, description="Wilder ADX length, bars")
    adx_trend_threshold: float = Field(
        25.0, ge=0, le=100, description="a trend counts only while ADX is at least this"
    )
    regime_threshold: float = Field(
        0.25, ge=0, le=10, description="KAMA slope in ATRs for a trend; twice it for a breakout"
    )
    er_trend_threshold: float = Field(
        0.4, ge=0, le=1, description="efficiency ratio above which a slope is a trend"
    )
    regime_hysteresis_bars: int = Field(
        2, ge=1, le=100, description="equal readings in a row before a regime holds"
    )
    regime_timeframe_mult: int = Field(
        4, ge=1, le=96, description="base bars in one bucket of the regime's timeframe"
    )
    use_ml_regime: bool = Field(
        False, description="regimes from a Gaussian mixture instead of KAMA (extra `ml`)"
    )

    # Grid
    grid_mode: Literal["geometric", "arithmetic"] = Field(
        "geometric", description="levels a percentage or a fixed distance apart"
    )
    grid_spacing_k: float = Field(2.0, ge=0, le=50, description="spacing in ATRs")
    grid_levels: int = Field(3, ge=0, le=50, description="entry levels on each side")
    spacing_floor: float = Field(0.008, ge=0, le=0.2, description="smallest spacing / price")
    adaptive_floor_scale: float = Field(
        2.5, ge=0, le=50, description="smallest spacing in sigmas of one bar"
    )
    regen_drift_mult: float = Field(
        3.5, gt=0, le=100, description="spacings the price may leave the anchor before a new grid"
    )
    tp_concentration: float = Field(
        0.6, ge=0, le=1, description="part of a lot in its nearer take-profit"
    )
    order_pct: float = Field(0.05, ge=0, le=1, description="equity in one order, before Kelly")
    max_orders: int = Field(500, ge=1, le=1000, description="entries and take-profits at most")

    # Inventory (Avellaneda-Stoikov)
    gamma: float = Field(0.5, ge=0, le=100, description="risk aversion to inventory")
    kappa: float = Field(
        1.5, gt=0, le=1000, description="decay of the fill probability per sigma of distance"
    )
    as_time_horizon: float = Field(96.0, ge=0, le=100_000, description="horizon T, bars")
    max_inventory_per_side: int = Field(
        3, ge=1, le=50, description="lots and resting entries of one side at most"
    )

    # Trailing up
    trailing_enabled: bool = Field(True, description="the long anchor follows an up-trend")
    trailing_activation_er: float = Field(
        0.65, ge=0, le=1, description="efficiency ratio above which the anchor trails"
    )
    trailing_reserve_pct: float = Field(
        0.25, ge=0, le=1, description="part of the long cap held back until trailing has acted"
    )
    trailing_cap_price: float | None = Field(
        None, gt=0, description="the anchor never trails above this price (none: no cap)"
    )

    # Circuit breaker
    circuit_breaker_enabled: bool = Field(True, description="halt new entries in a crash")
    halt_z_threshold: float = Field(-3.0, ge=-100, le=100, description="halt below this Z-score")
    resume_z_threshold: float = Field(-1.0, ge=-100, le=100, description="resume above it")

    # Pruning
    max_position_age_hours: float = Field(
        24.0, gt=0, le=100_000, description="a losing lot older than this is pruned"
    )
    deviance_sigma: float = Field(
        3.5, ge=0, le=1000, description="ATRs from KAMA, against the side, that prune a lot"
    )
    gap_prune_mult: float = Field(6.0, gt=0, le=1000, description="spacings to a stranded lot")
    funding_cost_ratio: float = Field(
        0.5, ge=0, le=1000, description="funding paid / (qty * spacing) that prunes a lot"
    )
    offset_prune_ratio: float = Field(
        1.5, ge=0, le=1000, description="profit buffer / loss that prunes the worst lot"
    )
    offset_min_spacings: float = Field(
        2.0, ge=0, le=1000, description="spacings under water before an offset prune"
    )
    prune_cooldown_bars: int = Field(
        6, ge=0, le=100_000, description="bars between two prunes of a side"
    )

    # Risk
    max_drawdown_pct: float = Field(
        0.15, gt=0, le=1, description="equity the 95 % value at risk may reach"
    )
    var_horizon_bars: float = Field(96.0, gt=0, le=100_000, description="VaR horizon, bars")
    atr_sl_mult: float = Field(4.5, gt=0, le=1000, description="stage-1 stop distance, ATRs")
    max_position_pct: float = Field(
        0.7, ge=0, le=1, description="cap of one side's notional / (equity * leverage)"
    )
    stop_cooldown_bars: int = Field(
        48, ge=0, le=100_000, description="bars that halved orders last after repeated stops"
    )
    stop_cooldown_thresh: int = Field(
        2, ge=1, le=32, description="stops close together that halve the orders"
    )
    low_volume_threshold: float = Field(
        0.5, ge=0, le=100, description="volume / 7-day mean below which the cap is 30 % lower"
    )
    kelly_window: int = Field(80, ge=1, le=1000, description="closed lots in the Kelly estimate")
    leverage: int = Field(1, ge=1, le=125, description="leverage of the account")
    allow_short: bool = Field(True, description="trade the short side as well")

    # Funding
    funding_threshold: float = Field(
        0.0003, ge=0, le=1, description="|rate| above which the entries' spacing leans"
    )
    funding_harvest_threshold: float = Field(
        0.0002, ge=0, le=1, description="|rate| above which the order sizes lean"
    )

    # Execution
    initial_capital: float = Field(10_000.0, gt=0, le=1e12, description="starting wallet, USDT")
    fee_maker: float = Field(0.0002, ge=-0.01, le=0.1, description="maker fee / notional")
    fee_taker: float = Field(0.0005, ge=0, le=0.1, description="taker fee / notional")
    slippage: float = Field(0.0005, ge=0, le=0.1, description="market orders' price loss")
    liquidation_fee: float = Field(0.0125, ge=0, le=0.5, description="liquidation fee / notional")
    fill_penetration_bps: float = Field(
        0.0, ge=0, le=1000, description="how far through a limit price the market must trade"
    )

    @model_validator(mode="after")
    def _thresholds_in_order(self) -> Self:
        if self.halt_z_threshold > self.resume_z_threshold:
            raise ValueError(
                f"halt_z_threshold ({self.halt_z_threshold:g}) lies above "
                f"resume_z_threshold ({self.resume_z_threshold:g}): it would resume at once"
            )
        return self

    @classmethod
    def checked(cls, config: Mapping[str, Any] | Self | None = None) -> Self:
        """The record for `config` (missing names take their defaults).

        Raises ParameterError: one line that names the parameter, its value and its range.
        """
        if isinstance(config, cls):
            return config
        config = dict(config or {})
        for name in config:
            if name not in cls.model_fields:
                raise ParameterError(unknown_parameter(name))
        try:
            return cls.model_validate(config)
        except ValidationError as error:
            raise ParameterError("; ".join(_in_words(e) for e in error.errors())) from None


STRATEGY_PARAMS: dict[str, Any] = StrategyParams().model_dump()

BACKTEST_CONFIG: dict[str, Any] = {
    "coins": ["BTC/USDT", "ETH/USDT", "SOL/USDT"],
    "start_date": "2024-01-01",
    "end_date": None,  # None = current date
    "timeframe": "15m",
}

OPTIMIZER_SPACE: dict[str, dict[str, Any]] = {
    # Grid structure
    "grid_spacing_k": {"type": "float", "low": 0.8, "high": 2.5},
    "spacing_floor": {"type": "float", "low": 0.004, "high": 0.010},
    "grid_levels": {"type": "int", "low": 2, "high": 6},
    "regen_drift_mult": {"type": "float", "low": 1.0, "high": 4.0},
    "adaptive_floor_scale": {"type": "float", "low": 0.5, "high": 3.0},
    "tp_concentration": {"type": "float", "low": 0.4, "high": 0.9},
    # Inventory control
    "gamma": {"type": "float", "low": 0.3, "high": 2.0},
    "kappa": {"type": "float", "low": 0.5, "high": 3.0},
    "max_inventory_per_side": {"type": "int", "low": 2, "high": 6},
    "as_time_horizon": {"type": "float", "low": 32.0, "high": 288.0},
    # Regime detection
    "regime_hysteresis_bars": {"type": "int", "low": 1, "high": 6},
    "adx_trend_threshold": {"type": "float", "low": 20.0, "high": 35.0},
    # Risk management
    "atr_sl_mult": {"type": "float", "low": 2.0, "high": 5.0},
    "max_position_pct": {"type": "float", "low": 0.3, "high": 0.7},
    "stop_cooldown_bars": {"type": "int", "low": 24, "high": 96},
    "low_volume_threshold": {"type": "float", "low": 0.30, "high": 0.70},
    # Pruning
    "deviance_sigma": {"type": "float", "low": 2.5, "high": 6.0},
    "gap_prune_mult": {"type": "float", "low": 2.5, "high": 7.0},
    "offset_prune_ratio": {"type": "float", "low": 0.8, "high": 4.0},
    "prune_cooldown_bars": {"type": "int", "low": 1, "high": 8},
    # Sizing
    "kelly_window": {"type": "int", "low": 30, "high": 100},
    # Funding
    "funding_harvest_threshold": {"type": "float", "low": 0.0001, "high": 0.0005},
}


CONFIG_TABLES = ("strategy", "backtest", "optimizer_space")
"""Of a TOML file; the last changes rows of `OPTIMIZER_SPACE`."""


def unknown_parameter(name: str) -> str:
    """The sentence for a name that is not a parameter, with the nearest one that is."""
    near = difflib.get_close_matches(name, list(StrategyParams.model_fields), n=1)
    return f"unknown parameter '{name}'" + (f"; did you mean '{near[0]}'?" if near else "")


def range_of(name: str) -> str:
    """The values that parameter `name` takes, in words: "2 to 500", "true or false"."""
    field = StrategyParams.model_fields[name]
    if field.annotation is bool:
        return "true or false"
    if name == "grid_mode":
        return "geometric or arithmetic"
    low = high = ""
    for limit in field.metadata:
        if (value := getattr(limit, "ge", None)) is not None:
            low = f"{value:g}"
        if (value := getattr(limit, "gt", None)) is not None:
            low = f"above {value:g}"
        if (value := getattr(limit, "le", None)) is not None:
            high = f"{value:g}"
    kind = "a whole number, " if field.annotation is int else ""
    return kind + (f"{low} to {high}" if high else f"{low}")


def parse_assignment(text: str) -> tuple[str, str | None]:
    """Split `KEY=VALUE` of `--set`; `none` stands for no value.

    Raises ParameterError for a missing or unknown key.
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ParameterError(f"--set takes KEY=VALUE, not '{text}'")
    if name not in StrategyParams.model_fields:
        raise ParameterError(unknown_parameter(name))
    return name, None if value.lower() == "none" else value


def load_config_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `[strategy]` and `[backtest]` tables of a TOML file; the latter may name a source, too.

    Raises ParameterError: one line with the file's name for a missing file, bad TOML, a foreign
    table or key. Values are checked later, together with those of the command line.
    """
    tables = read_tables(path)
    strategy: dict[str, Any] = tables.get("strategy", {})
    backtest = _by_full_names(tables.get("backtest", {}), path)
    for name in strategy:
        if name not in StrategyParams.model_fields:
            raise ParameterError(f"{path}: {unknown_parameter(name)}")
    for name in backtest:
        if name not in (*BACKTEST_CONFIG, "source"):
            known = ", ".join((*BACKTEST_CONFIG, "source"))
            raise ParameterError(f"{path}: unknown key '{name}' in [backtest]; known: {known}")
    source = backtest.get("source", "")
    if not isinstance(source, str):
        raise ParameterError(f"{path}: source must be binance, sim or a folder, not {source!r}")
    return strategy, backtest


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a config file; errors as in `load_config_file`, keys are not looked at."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise ParameterError(f"cannot read config file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} is not valid TOML: {error}") from None
    for table in tables:
        if table not in CONFIG_TABLES or not isinstance(tables[table], dict):
            known = ", ".join(CONFIG_TABLES)
            raise ParameterError(f"{path}: '{table}' is not one of the tables {known}")
    return tables


def _by_full_names(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """`start` and `end` are `start_date` and `end_date`, as on the command line."""
    named: dict[str, Any] = {}
    for name, value in table.items():
        full = f"{name}_date" if name in ("start", "end") else name
        if full in named:
            raise ParameterError(
                f"{path}: start and start_date, end and end_date are the same: keep one {full}"
            )
        named[full] = value
    return named


def _in_words(error: Any) -> str:
    """One sentence for one of pydantic's errors."""
    if not error["loc"]:
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    return f"{name} = {error['input']!r} is out of range: it takes {range_of(name)}"
