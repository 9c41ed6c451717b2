"""What a study that is gone on with says about a job, before any candle is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exchange.span import moment_ms, moment_text
from exchange.symbol import Symbol

if TYPE_CHECKING:
    from engine.optimize.job import OptimizeJob
    from engine.optimize.settings import SearchSettings

_MADE_UP, _RECORDED = ("sim", "cache-sim"), ("binance",)


def stored_study(settings: SearchSettings) -> dict[str, Any] | None:
    """What the study of the settings is about (`Identity.plain`); None: there is none yet.

    Raises ParameterError: the database cannot be used.
    """
    from engine.optimize.study import stored_identity  # Optuna: 0.5 s

    name = settings.study_name
    return stored_identity(settings.url, f"{name}.window1" if settings.mode == "refit" else name)


def require_same(job: OptimizeJob, stored: Mapping[str, Any]) -> None:
    """Refuse a job that cannot be that of the study `stored`, as far as is known without candles.

    Candles may begin later than they were asked for and end earlier, never the other way round.

    Raises ParameterError: what differs.
    """
    from engine.optimize.study import refused

    backtest, settings, told = job.backtest, job.settings, stored["job"]
    now: dict[str, Any] = {
        "coins": [coin.pair for coin in backtest.coins],
        "timeframe": backtest.timeframe,
        "windows": settings.windows,
        "holdout": settings.holdout,
    }
    if (reason := job.identity_of(stored["data"], told).difference(stored)) is not None:
        raise refused(settings.study_name, settings.url, reason)  # of another version, first of all
    if (start := moment_ms(backtest.start)) > told["first_ms"]:
        now["start"] = moment_text(start)
    if backtest.end is not None and (end := moment_ms(backtest.end)) < told["end_ms"]:
        now["end"] = moment_text(end)
    if backtest.source in (*_MADE_UP, *_RECORDED):
        now["simulated"] = backtest.source in _MADE_UP
    asked = job.identity_of(stored["data"], {**told, **now})
    if (reason := asked.difference(stored)) is not None:
        raise refused(settings.study_name, settings.url, reason)


def in_order(coins: tuple[Symbol, ...], pairs: Sequence[str]) -> tuple[Symbol, ...]:
    """The same coins in the order of `pairs`, which scores have their rows in; others unchanged."""
    if {coin.pair for coin in coins} != set(pairs):
        return coins
    return tuple(sorted(coins, key=lambda coin: pairs.index(coin.pair)))
