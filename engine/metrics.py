"""The numbers of a run: what it returned, what it risked, and where the money came from.

Percentages are in percent (12.45), drawdowns positive, money in quote currency. A number that is
not defined (no trades, no losses, no spread of returns) is None.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.risk import calculate_portfolio_var
from engine.trades import (
    BUY_OPEN_LONG,
    CIRCUIT_BREAKER_HALT,
    LABELS,
    PRUNE_DEVIANCE,
    PRUNE_VAR_WARNING,
    SELL_OPEN_SHORT,
    STOP_LONG,
    STOP_SHORT,
)
from exchange.timeframe import DAY_MS
from exchange.timeframe import timeframe_ms as length_of

Column = npt.NDArray[np.float64]

PRUNES = range(PRUNE_DEVIANCE, PRUNE_VAR_WARNING + 1)
_ROUNDING = 1e-12  # relative; what additions leave in an equity that stands still
_SUMS = (
    "initial_capital",
    "final_capital",
    "gross_profit",
    "gross_loss",
    "total_trades",
    "closed_trades",
    "winning_trades",
    "longs_opened",
    "longs_closed",
    "shorts_opened",
    "shorts_closed",
    "pnl_long",
    "pnl_short",
    "stops",
    "prunes",
    "breaker_halts",
    "trailing_shifts",
    "var_blocked_bars",
    "liquidations",
    "refused_entries",
    "crossed_take_profits",
    "total_fees",
    "funding_pnl",
    "insurance",
)


def compute_metrics(
    equity: Column,
    fills: npt.NDArray[Any],
    account: Any,
    close: Column,
    initial_capital: float,
    timeframe_ms: int,
) -> dict[str, Any]:
    """Every number of one run.

    `equity`, `close`: shape (bars,), at the close of each bar; `fills`: rows of layout TRADE;
    `account`: the run's last STATE record; `timeframe_ms`: length of a bar.

    Performance: `total_return_pct`, `buy_hold_return_pct` (first to last close), `cagr_pct`,
    `max_drawdown_pct`, `max_drawdown_days` (from its peak until the peak is regained or the data
    end), `max_drawdown_regained`, `sharpe_ratio` and `sortino_ratio` (bar returns, annualised by
    sqrt(bars per day * 365); Sortino's downside deviation is against 0 over all bars),
    `calmar_ratio` (CAGR / drawdown).

    Trades: `total_trades` counts fills, `closed_trades` those that close something; a closing
    with a positive `pnl` (net of its own fee) is one of the `winning_trades`. `win_rate_pct`,
    `gross_profit`, `gross_loss` (positive) and `profit_factor` are of that `pnl`. `pnl_long` and
    `pnl_short` are net of every fee and of funding: with `insurance` they make up the whole gain.
    `trades_by_label`, `pnl_by_label` (sum of `pnl`) and `prunes_by_type` are dictionaries.
    """
    label = fills["label"]
    pnl = fills["pnl"]
    opening = (label == BUY_OPEN_LONG) | (label == SELL_OPEN_SHORT)
    closing = ~opening & (label != CIRCUIT_BREAKER_HALT)
    long, short = fills["side"] == 0, fills["side"] == 1
    net = pnl + fills["funding"] - np.where(opening, fills["fee"], 0.0)
    count = np.bincount(label, minlength=len(LABELS)).tolist()
    result = np.bincount(label, weights=pnl, minlength=len(LABELS)).tolist()
    return {
        **performance(equity, initial_capital, timeframe_ms),
        "buy_hold_return_pct": float(100.0 * (close[-1] / close[0] - 1.0)),
        **_closings(pnl[closing]),
        "total_trades": len(fills) - count[CIRCUIT_BREAKER_HALT],
        "longs_opened": count[BUY_OPEN_LONG],
        "longs_closed": int(np.count_nonzero(closing & long)),
        "shorts_opened": count[SELL_OPEN_SHORT],
        "shorts_closed": int(np.count_nonzero(closing & short)),
        "pnl_long": float(net[long].sum()),
        "pnl_short": float(net[short].sum()),
        "trades_by_label": {name: n for name, n in zip(LABELS, count, strict=True) if n},
        "pnl_by_label": {
            name: won for name, won, n in zip(LABELS, result, count, strict=True) if n
        },
        "stops": count[STOP_LONG] + count[STOP_SHORT],
        "prunes": sum(count[code] for code in PRUNES),
        "prunes_by_type": {LABELS[code]: count[code] for code in PRUNES},
        "liquidations": int(account["liquidations"]),
        "breaker_halts": int(account["halts"]),
        "trailing_shifts": int(account["trailing_shifts"]),
        "var_blocked_bars": int(account["var_blocked_bars"]),
        "refused_entries": int(account["refused_entries"]),
        "crossed_take_profits": int(account["crossed_take_profits"]),
        "total_fees": float(account["fees"]),
        "funding_pnl": float(account["funding"]),
        "insurance": float(account["insurance"]),
        "exposure_time_pct": 100.0 * int(account["exposed_bars"]) / len(equity),
    }


def portfolio_metrics(
    results: list[dict[str, Any]], equity: Column, prices: Column
) -> dict[str, Any]:
    """The numbers of several coins' accounts together.

    `results`: the dictionaries of the coins' runs; `equity`: shape (bars,), sum of the accounts;
    `prices`: shape (bars, coins), closes, NaN where a coin has no bar.

    Money and counts add up; ratios and drawdown are those of the summed equity; buy & hold and
    exposure time are means weighted by capital and by bars. `mean_correlation` is that of the
    coins' bar returns, pairwise (None for one coin). `var_95` is the one-bar value at risk of the
    largest net position of every coin, as if all were held at once on the same side.
    """
    parts = [result["metrics"] for result in results]
    timeframe_ms = length_of(results[0]["candles"].attrs["timeframe"])
    total = {name: sum(part[name] for part in parts) for name in _SUMS}
    capital = [part["initial_capital"] for part in parts]
    bars = [len(result["equity_curve"]) for result in results]
    return {
        **total,
        **performance(equity, total["initial_capital"], timeframe_ms),
        "buy_hold_return_pct": float(
            np.average([part["buy_hold_return_pct"] for part in parts], weights=capital)
        ),
        "win_rate_pct": _ratio(100.0 * total["winning_trades"], total["closed_trades"]),
        "profit_factor": _ratio(total["gross_profit"], total["gross_loss"]),
        "trades_by_label": _added([part["trades_by_label"] for part in parts]),
        "pnl_by_label": _added([part["pnl_by_label"] for part in parts]),
        "prunes_by_type": _added([part["prunes_by_type"] for part in parts]),
        "exposure_time_pct": float(
            np.average([part["exposure_time_pct"] for part in parts], weights=bars)
        ),
        **_joint_risk([result["fills"] for result in results], prices),
    }


def performance(equity: Column, initial_capital: float, timeframe_ms: int) -> dict[str, Any]:
    """What an equity curve says on its own; the names as in `compute_metrics`."""
    drawdown, length, regained = max_drawdown(equity)
    per_day = DAY_MS / timeframe_ms
    growth = cagr(float(equity[-1]) / initial_capital, len(equity) / per_day)
    sharpe, sortino = _ratios(equity, per_day)
    return {
        "initial_capital": initial_capital,
        "final_capital": float(equity[-1]),
        "total_return_pct": 100.0 * (float(equity[-1]) / initial_capital - 1.0),
        "cagr_pct": growth,
        "max_drawdown_pct": 100.0 * drawdown,
        "max_drawdown_days": length / per_day,
        "max_drawdown_regained": regained,
        "sharpe_ratio": sharpe,
        "sortino_ratio": sortino,
        "calmar_ratio": None if growth is None else _ratio(growth, 100.0 * drawdown),
        "bars": len(equity),
        "days": len(equity) / per_day,
    }


def max_drawdown(equity: Column) -> tuple[float, int, bool]:
    """Deepest fall from a peak as a fraction of it, its length in bars, and whether it is over.

    The length runs from the peak until it is regained, or to the end of the data.
    """
    peak = np.maximum.accumulate(equity)
    fall = 1.0 - equity / peak
    trough = int(np.argmax(fall))
    if fall[trough] <= _ROUNDING:
        return 0.0, 0, True
    start = int(np.flatnonzero(equity[:trough] == peak[trough])[-1])
    regained = np.flatnonzero(equity[trough:] >= peak[trough])
    end = trough + int(regained[0]) if len(regained) else len(equity) - 1
    return float(fall[trough]), end - start, len(regained) > 0


def cagr(growth: float, days: float) -> float | None:
    """Compound annual growth in percent of an account that grew by a factor; None beyond floats."""
    if growth <= 0.0:
        return -100.0
    with np.errstate(over="ignore"):
        yearly = float(np.exp(np.log(growth) * 365.0 / days))
    return 100.0 * (yearly - 1.0) if np.isfinite(yearly) else None


def _ratios(equity: Column, per_day: float) -> tuple[float | None, float | None]:
    """Sharpe and Sortino of the bar returns, annualised; a ruined account returns 0."""
    if len(equity) < 2:
        return None, None
    before = equity[:-1]
    growth = np.divide(equity[1:], before, out=np.ones(len(before)), where=before > 0.0)
    returns = growth - 1.0
    yearly = returns.mean() * np.sqrt(per_day * 365.0)
    downside = np.sqrt(np.square(np.minimum(returns, 0.0)).sum() / len(returns))
    return _ratio(yearly, returns.std()), _ratio(yearly, downside)


def _closings(pnl: Column) -> dict[str, Any]:
    wins, losses = pnl[pnl > 0.0], pnl[pnl <= 0.0]
    profit, loss = float(wins.sum()), float(-losses.sum())
    return {
        "closed_trades": len(pnl),
        "winning_trades": len(wins),
        "win_rate_pct": _ratio(100.0 * len(wins), len(pnl)),
        "gross_profit": profit,
        "gross_loss": loss + 0.0,
        "profit_factor": _ratio(profit, loss),
    }


def _joint_risk(logs: list[npt.NDArray[Any]], prices: Column) -> dict[str, float | None]:
    known = prices[~np.isnan(prices).any(axis=1)]
    if len(known) < 3:
        return {"var_95": None, "mean_correlation": None}
    largest = np.array([_largest_net_notional(fills) for fills in logs])
    at_risk, correlation = calculate_portfolio_var(largest, known[1:] / known[:-1] - 1.0)
    return {"var_95": at_risk, "mean_correlation": correlation if len(logs) > 1 else None}


def _largest_net_notional(fills: npt.NDArray[Any]) -> float:
    """Long less short, at the price of the fill that made it; absolute."""
    opening = (fills["label"] == BUY_OPEN_LONG) | (fills["label"] == SELL_OPEN_SHORT)
    buying = opening == (fills["side"] == 0)
    position = np.cumsum(np.where(buying, fills["qty"], -fills["qty"]))
    return float(np.abs(position * fills["price"]).max(initial=0.0))


def _added(parts: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in LABELS if any(name in part for part in parts)]
    return {name: sum(part.get(name, 0) for part in parts) for name in names}


def _ratio(value: float, by: float) -> float | None:
    """`value / by`, None where there is nothing to divide by."""
    return float(value / by) if by > _ROUNDING else None
