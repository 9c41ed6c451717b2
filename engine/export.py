"""The trade log as a CSV file, and how any file is written: whole or not at all."""

import contextlib
import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TRADE_COLUMNS = (
    "bar",
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


def write_trades(result: Mapping[str, Any], path: Path) -> None:
    """The trade log as CSV, one row per fill, floats in their shortest exact form.

    `pnl` is net of the closing fee and 0 in openings, so that over all rows `initial capital +
    pnl - fee of the openings + funding (+ insurance)` is the final wallet.

    Raises OSError.
    """

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, TRADE_COLUMNS)
            rows.writeheader()
            rows.writerows(result["trades"])

    write_whole(path, write)


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
