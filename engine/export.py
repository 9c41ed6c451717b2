"""The trade log as a CSV file, and how any file is written: whole or not at all."""

import contextlib
import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILL_COLUMNS = (
    "timestamp",
    "datetime",
    "price",
    "qty",
    "label",
    "regime",
    "pnl",
    "side",
    "fee",
    "funding",
)
"""Of a fill, in a backtest as in a live run."""

TRADE_COLUMNS = ("bar", *FILL_COLUMNS, "market")
RECORDED, MADE_UP = "recorded", "SIMULATED"


def write_trades(result: Mapping[str, Any], path: Path, charts: Sequence[Path] = ()) -> None:
    """The trade log as CSV, one row per fill, floats in their shortest exact form.

    `pnl` is net of the closing fee and 0 in openings, so that over all rows `initial capital +
    pnl - fee of the openings + funding (+ insurance)` is the final wallet. `market` says in every
    row whether the candles were recorded or SIMULATED.

    Another log that is already at `path` is kept beside it under a name with its time, and so are
    the `charts` that belong to it.

    Raises OSError.
    """
    from engine.trades import trade_dicts  # numpy, 0.1 s, which nothing else here needs
    from indicators.regime import REGIME_NAMES

    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, TRADE_COLUMNS)
    rows.writeheader()
    trades = trade_dicts(result["fills"], REGIME_NAMES)
    market = MADE_UP if result["simulated"] else RECORDED
    rows.writerows({**trade, "market": market} for trade in trades)
    content = text.getvalue().encode()
    if path.is_file() and path.read_bytes() != content:
        stamp = _written_at(path)
        for old in (path, *charts):
            keep_aside(old, stamp)
    write_whole(path, lambda partial: _write_bytes(partial, content))


def keep_aside(path: Path, stamp: str = "") -> None:
    """Rename a file to `{name}_{stamp}` so that its name is free; nothing where there is none.

    `stamp`: by default the time at which it was written. Raises OSError.
    """
    if path.is_file():
        stamp = stamp or _written_at(path)
        os.replace(path, path.with_name(f"{path.stem}_{stamp}{path.suffix}"))


def _written_at(path: Path) -> str:
    """`20250131T120000123Z`, in ms: no two runs end within one."""
    moment = datetime.fromtimestamp(path.stat().st_mtime_ns // 1_000_000 / 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03d}Z"


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a neighbour of `path`, then put it in place: whole or not at all.

    The neighbour keeps the suffix, by which some writers choose the format.

    Raises OSError with the name of `path`.
    """
    partial = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
