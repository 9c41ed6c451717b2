"""A result put into words: the sections and rows of a performance summary.

Console and screens show the same rows; neither computes anything of its own.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.orders import ENTRY_NOTIONAL_RESERVE
from engine.rules import FILL_MODELS
from engine.sizing import KELLY_FEW_RECORDS
from engine.wording import NOT_DEFINED, amount, count, plural, ratio
from exchange.span import moment_text
from indicators.kama import REGIME_NAMES

Tone = Literal["", "good", "bad", "warning"]

NUMBER_ENDS = 27  # column in which every number ends
_WIDTH = 78
_LISTED_GAPS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a label, a number that is aligned to the right, its unit, and words after it."""

    label: str
    value: str = ""
    unit: str = ""
    note: str = ""
    tone: Tone = ""

    def __post_init__(self) -> None:
        """What is not defined has no unit."""
        if self.value == NOT_DEFINED:
            object.__setattr__(self, "unit", "")

    def __str__(self) -> str:
        """The row with all numbers ending in one column."""
        if self.value:
            gap = NUMBER_ENDS - 3 - len(self.label)
            lead = f"{f'  {self.label} {self.value:>{gap}}{self.unit}':<{NUMBER_ENDS + 3}}"
        else:
            lead = f"  {self.label:<12}"
        if not self.note:
            return lead.rstrip()
        lead = lead.rstrip() + " " if not lead.endswith(" ") else lead
        return textwrap.fill(
            self.note, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)
        )


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one title; the first section of a summary has none."""

    title: str
    rows: tuple[Row, ...]


def summary(result: Mapping[str, Any]) -> tuple[Section, ...]:
    """The sections of one coin's result, as `BacktestSimulator.run_single` returns it."""
    metrics = result["metrics"]
    return (
        Section("", _performance(metrics)),
        Section("Trades", _trades(metrics)),
        Section("Regimes, share of bars", _regimes(result)),
        Section("Risk events", _risk_events(metrics)),
        Section("Costs", _costs(metrics, _RATES[result["funding"]])),
        Section("Data", _data(result)),
    )


def portfolio_summary(results: Mapping[str, Any], portfolio: str) -> tuple[Section, ...]:
    """The sections of several coins together; `portfolio` is the key of the sum in `results`."""
    metrics = results[portfolio]["metrics"]
    coins = {name: part["metrics"] for name, part in results.items() if name != portfolio}
    each = tuple(
        Row(
            name,
            amount(part["total_return_pct"], signed=True),
            "%",
            f"max drawdown {amount(part['max_drawdown_pct'])}%, "
            f"final capital {amount(part['final_capital'])}",
            _tone(part["total_return_pct"]),
        )
        for name, part in coins.items()
    )
    together = (
        Row(
            "Correlation", ratio(metrics["mean_correlation"]), "", "mean of all pairs, bar returns"
        ),
        Row(
            "VaR 95 %",
            amount(metrics["var_95"]),
            "",
            "one bar, largest net positions held at once",
        ),
    )
    return (
        Section("", _performance(metrics)),
        Section("Coins, an account each", each),
        Section("Trades", _trades(metrics)),
        Section("Risk", together),
        Section("Risk events", _risk_events(metrics)),
        Section("Costs", _costs(metrics, _rates_of(results, portfolio))),
    )


def simulated_note(source: str) -> str:
    """The line that stands over everything that a made-up market has led to."""
    return f"{source}: made up, it says nothing about a real one"


def no_order_note(result: Mapping[str, Any]) -> str:
    """Why a run traded nothing at all, where its capital was too small for any order; else "".

    An account without fills keeps its first order size: `order_pct` of the capital times leverage
    at the Kelly multiplier of few records, rounded down to the market's step.
    """
    metrics, params, market = result["metrics"], result["params"], result["market"]
    if metrics["total_trades"] or metrics["refused_entries"]:
        return ""
    wanted = params.initial_capital * params.order_pct * params.leverage * KELLY_FEW_RECORDS
    one_step = float(market.step) * result["candles"]["close"].to_numpy()
    laid = np.floor(wanted / one_step) * one_step
    least = ENTRY_NOTIONAL_RESERVE * float(market.min_notional)
    if (laid >= least).any():
        return ""
    return (
        f"nothing was traded: orders of {amount(wanted)} USDT, rounded down to steps of "
        f"{market.step:f}, are below the {amount(least)} that {result['symbol']} needs; raise "
        "capital, leverage or order_pct"
    )


def _performance(metrics: Mapping[str, Any]) -> tuple[Row, ...]:
    gain = metrics["total_return_pct"]
    closed = f"{count(metrics['winning_trades'])} of {count(metrics['closed_trades'])} closings"
    closed += _PER_CLOSING
    profit = f"profit {amount(metrics['gross_profit'])}, loss {amount(metrics['gross_loss'])}"
    profit += _PER_CLOSING
    capital = f"from {amount(metrics['initial_capital'])}"
    return (
        Row("Return", amount(gain, signed=True), "%", "", _tone(gain)),
        Row("Buy & Hold", amount(metrics["buy_hold_return_pct"], signed=True), "%"),
        Row(
            "Max Drawdown",
            amount(metrics["max_drawdown_pct"]),
            "%",
            _length(metrics["max_drawdown_days"], metrics["max_drawdown_regained"]),
        ),
        Row("Sharpe", ratio(metrics["sharpe_ratio"])),
        Row("Sortino", ratio(metrics["sortino_ratio"])),
        Row("Calmar", ratio(metrics["calmar_ratio"])),
        Row("CAGR", amount(metrics["cagr_pct"], signed=True), "%"),
        Row("Win Rate", amount(metrics["win_rate_pct"]), "%", closed),
        Row("Profit Factor", ratio(metrics["profit_factor"]), "", profit),
        Row("Final Capital", amount(metrics["final_capital"]), "", capital),
        Row("Exposure Time", amount(metrics["exposure_time_pct"]), "%"),
    )


_PER_CLOSING = ", before opening fees"


def _trades(metrics: Mapping[str, Any]) -> tuple[Row, ...]:
    sides = tuple(
        Row(
            f"{side.title()}s Opened",
            count(metrics[f"{side}s_opened"]),
            "",
            f"{count(metrics[f'{side}s_closed'])} closings, "
            f"net {amount(metrics[f'pnl_{side}'], signed=True)}",
        )
        for side in ("long", "short")
    )
    kinds = tuple(
        Row(
            label,
            count(number),
            "",
            f"{amount(won, signed=True):>12}" if won else "",
        )
        for label, number in metrics["trades_by_label"].items()
        for won in [metrics["pnl_by_label"][label]]
    )
    return (Row("Fills", count(metrics["total_trades"])), *sides, *kinds)


def _regimes(result: Mapping[str, Any]) -> tuple[Row, ...]:
    return tuple(
        Row(name, amount(share), "%") for name, share in regime_shares(result["regime_log"]).items()
    )


def regime_shares(regime_log: Any) -> dict[str, float]:
    """Percent of the bars in each regime, by name; `regime_log` are codes of shape (bars,)."""
    return {name: float(100.0 * np.mean(regime_log == code)) for code, name in REGIME_NAMES.items()}


def _risk_events(metrics: Mapping[str, Any]) -> tuple[Row, ...]:
    kinds = ", ".join(
        f"{kind.removeprefix('PRUNE_').lower().replace('_', ' ')} {count(number)}"
        for kind, number in metrics["prunes_by_type"].items()
        if number
    )
    liquidated = metrics["liquidations"]
    return (
        Row("Stops", count(metrics["stops"])),
        Row("Prunes", count(metrics["prunes"]), "", kinds),
        Row("Breaker Halts", count(metrics["breaker_halts"])),
        Row("VaR Blocks", count(metrics["var_blocked_bars"]), "", "bars without new entries"),
        Row("Liquidations", count(liquidated), tone="bad" if liquidated else ""),
        Row("Trailing Shifts", count(metrics["trailing_shifts"])),
        Row(
            "Refused Entries", count(metrics["refused_entries"]), "", "the market had crossed them"
        ),
    )


def _costs(metrics: Mapping[str, Any], rates: str) -> tuple[Row, ...]:
    rows = (
        Row("Fees", amount(-metrics["total_fees"], signed=True)),
        Row("Funding", amount(metrics["funding_pnl"], signed=True), "", rates),
    )
    if amount(metrics["insurance"]) != amount(0.0):
        return (*rows, Row("Insurance", amount(metrics["insurance"], signed=True), "", _INSURED))
    return rows


def _rates_of(results: Mapping[str, Any], portfolio: str) -> str:
    """Where the funding rates of several coins come from, coins alike together."""
    alike: dict[str, list[str]] = {}
    for name, part in results.items():
        if name != portfolio:
            alike.setdefault(_RATES[part["funding"]], []).append(name.partition("/")[0])
    if len(alike) == 1:
        return next(iter(alike))
    return "; ".join(f"{' '.join(coins)}: {rates}" for rates, coins in alike.items())


_INSURED = "losses beyond the wallet, borne by the exchange"
_RATES = {
    "real": "real rates",
    "real with holes": "real rates, SYNTHETIC where unknown",
    "synthetic": "SYNTHETIC rates: none are known",
    "simulated": "SIMULATED rates",
}


def _data(result: Mapping[str, Any]) -> tuple[Row, ...]:
    stamps = result["candles"]["timestamp"]
    market = result["market"]
    period = f"{moment_text(int(stamps.iloc[0]))} to {moment_text(int(stamps.iloc[-1]))}"
    model = result["fill_model"]
    candles = f"{count(len(stamps))} of {result['candles'].attrs['timeframe']}"
    if result["detail"] is not None:
        detail = result["detail"]
        candles += f", fills on {count(len(detail))} of {detail.attrs['timeframe']}"
    return (
        Row("Candles", note=candles),
        Row("Period", note=period),
        Row("Source", note=result["source"], tone="warning" if result["simulated"] else ""),
        Row("Gaps", note=_gaps(result["gaps"]), tone="warning" if result["gaps"] else ""),
        Row("Funding", note=_RATES[result["funding"]]),
        Row(
            "Market",
            note=f"tick {market.tick:f}, step {market.step:f}, minimum notional "
            f"{market.min_notional:f} ({market.source})",
        ),
        Row("Fill model", note=f"{model} ({FILL_MODELS[model].meaning})"),
    )


def _gaps(gaps: Any) -> str:
    if not gaps:
        return "none"
    listed = ", ".join(
        f"{moment_text(int(first))} ({bars:,})" for first, bars in gaps[:_LISTED_GAPS]
    )
    more = f" and {len(gaps) - _LISTED_GAPS:,} more" if len(gaps) > _LISTED_GAPS else ""
    missing = plural(sum(bars for _, bars in gaps), "missing candle")
    return f"{missing} in {plural(len(gaps), 'gap')}: {listed}{more}"


def _length(days: float, regained: bool) -> str:
    if not days:
        return ""
    return f"peak regained after {days:,.1f} days" if regained else f"for {days:,.1f} days so far"


def _tone(value: float) -> Tone:
    return "good" if value > 0.0 else "bad" if value < 0.0 else ""
