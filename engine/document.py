"""A whole run as one JSON document, for scripts."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.band import Band
from engine.job import BacktestJob
from engine.simulator import PORTFOLIO
from engine.summary import no_order_note, regime_shares
from exchange.symbol import Symbol


def run_document(
    job: BacktestJob,
    results: Mapping[str, Any],
    bands: Mapping[Symbol, Band],
    files: Sequence[Path],
) -> dict[str, Any]:
    """A whole run in plain values, ready for `to_json`.

    `results` as from `job.run`; `bands` of all coins or of none; `files` that were written.
    """
    portfolio = results[PORTFOLIO]
    return {
        "settings": job.settings(),
        "simulated": portfolio["simulated"],
        "coins": {
            coin.pair: coin_document(results[coin.pair], bands.get(coin)) for coin in job.coins
        },
        "portfolio": {"metrics": portfolio["metrics"]} if len(job.coins) > 1 else None,
        "files": [str(path) for path in files],
    }


def coin_document(result: Mapping[str, Any], band: Band | None) -> dict[str, Any]:
    """One coin's result in plain values, without its curves."""
    candles = result["candles"]
    market = result["market"]
    return {
        "simulated": result["simulated"],
        "source": result["source"],
        "funding": result["funding"],
        "notes": [*candles.attrs["notes"], *([note] if (note := no_order_note(result)) else [])],
        "gaps": result["gaps"],
        "timeframe": candles.attrs["timeframe"],
        "candles": len(candles),
        "first_ms": int(candles["timestamp"].iloc[0]),
        "last_ms": int(candles["timestamp"].iloc[-1]),
        "market": {
            "tick": format(market.tick, "f"),
            "step": format(market.step, "f"),
            "min_notional": format(market.min_notional, "f"),
            "source": market.source,
        },
        "fill_model": result["fill_model"],
        "metrics": result["metrics"],
        "regime_pct": regime_shares(result["regime_log"]),
        "band": None
        if band is None
        else {"return_pct": dict(band.returns), "sign_changes": band.sign_changes},
    }


def to_json(document: Mapping[str, Any]) -> str:
    """JSON without NaN or infinity: a number that is not finite is null."""
    return json.dumps(_finite(document), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
