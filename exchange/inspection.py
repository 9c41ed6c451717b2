"""Every row of a series in the cache looked at, and what is odd about it; nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from exchange.checks import Problems, check_candles, read_timestamps
from exchange.errors import DataError
from exchange.funding_rates import check_funding
from exchange.holdings import Holding
from exchange.span import moment_text
from exchange.tables import UNREADABLE
from exchange.timeframe import MINUTE_MS

LARGE_JUMP = 0.2
"""A move from one close to the next from which it is worth a look, as a share."""

Kind = Literal[
    "damaged", "impossible", "duplicate", "misaligned", "conflict", "gap", "jump", "no volume"
]

_WRONG = ("damaged", "impossible", "duplicate", "misaligned", "conflict")


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity: its kind, one line about it, where it begins (ms UTC), and how many rows."""

    kind: Kind
    text: str
    at_ms: int
    rows: int

    @property
    def wrong(self) -> bool:
        """Whether it cannot be true of a market; a gap, a jump and a halt can."""
        return self.kind in _WRONG


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at all rows of `holding` found: what is wrong first, then in time's order."""

    holding: Holding
    rows: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.wrong for finding in self.findings)


def check(holding: Holding, large_jump: float = LARGE_JUMP) -> Inspection:
    """Read all rows of a series and say what is odd: gaps, doubles, impossible rows, halts, jumps.

    Args:
        large_jump: share of the price by which one close must differ from the last to be listed.
    """
    findings = [
        Finding("damaged", f"{path.name} cannot be read or was set aside", holding.span.start_ms, 0)
        for path in holding.damaged
    ]
    tables: list[pd.DataFrame] = []
    for path in holding.paths:
        if path in holding.damaged:
            continue
        try:
            table = pd.read_parquet(path)
            problems = Problems(path.name)
            stamps = read_timestamps(table["timestamp"], problems)
            problems.raise_any()
        except FileNotFoundError:
            continue  # joined into a larger one at this moment
        except (DataError, *UNREADABLE) as error:
            text = f"{path.name}: {' '.join(str(error).split())[:160]}"
            findings.append(Finding("damaged", text, holding.span.start_ms, 0))
            continue
        findings += _order(path, stamps, holding)
        clean, found = _possible(path, table.assign(timestamp=stamps), holding)
        findings += found
        tables.append(clean)
    rows = 0
    if tables:
        table = pd.concat(tables, ignore_index=True).drop_duplicates()
        table = table.sort_values("timestamp", kind="stable", ignore_index=True)
        findings += _conflicts(table)
        table = table.drop_duplicates("timestamp", ignore_index=True)
        rows = len(table)
        if rows and holding.series.timeframe is not None:
            findings += _halts(table)
            findings += _jumps(table, large_jump)
    findings += _gaps(holding)
    ordered = sorted(findings, key=lambda finding: (not finding.wrong, finding.at_ms))
    return Inspection(holding, rows, tuple(ordered))


def _order(path: Path, stamps: NDArray[np.int64], holding: Holding) -> Iterator[Finding]:
    times, counts = np.unique(stamps, return_counts=True)
    if (counts > 1).any():
        first, extra = int(times[counts > 1][0]), int((counts - 1).sum())
        text = f"{path.name}: rows that are there twice: {extra:,}, first at {moment_text(first)}"
        yield Finding("duplicate", text, first, extra)
    late = np.flatnonzero(np.diff(stamps) < 0)
    if len(late):
        first = int(stamps[late[0] + 1])
        text = f"{path.name}: rows out of time's order: {len(late):,}, first {moment_text(first)}"
        yield Finding("misaligned", text, first, len(late))
    odd = stamps[_misaligned(stamps, holding)]
    if len(odd):
        first = int(odd[0])
        text = f"{path.name}: rows off the grid of time: {len(odd):,}, first {moment_text(first)}"
        yield Finding("misaligned", text, first, len(odd))


def _misaligned(stamps: NDArray[np.int64], holding: Holding) -> NDArray[np.bool_]:
    step = MINUTE_MS if holding.series.timeframe is None else holding.series.step_ms
    off: NDArray[np.bool_] = stamps % step != 0
    return off


def _possible(
    path: Path, table: pd.DataFrame, holding: Holding
) -> tuple[pd.DataFrame, list[Finding]]:
    """The rows in order and on the grid, and what the check at the door says of their values."""
    aligned = table[~_misaligned(table["timestamp"].to_numpy(), holding)]
    clean = aligned.drop_duplicates("timestamp").sort_values("timestamp", ignore_index=True)
    if clean.empty:
        return clean, []
    try:
        if holding.series.timeframe is None:
            return check_funding(clean, path.name), []
        return check_candles(clean, holding.series.step_ms, path.name).frame, []
    except DataError as error:
        return clean.iloc[:0], [Finding("impossible", str(error), int(clean["timestamp"][0]), 0)]


def _conflicts(table: pd.DataFrame) -> Iterator[Finding]:
    twice = table["timestamp"][table["timestamp"].duplicated()]
    if len(twice):
        first = int(twice.iloc[0])
        text = f"rows on which two files differ: {len(twice):,}, first at {moment_text(first)}"
        yield Finding("conflict", text, first, len(twice))


def _gaps(holding: Holding) -> Iterator[Finding]:
    what = "settlement" if holding.series.timeframe is None else "candle"
    for gap in holding.gaps:
        end = gap.start_ms + gap.bars * holding.series.step_ms
        why = "the exchange has none" if gap.outage else "not known here"
        text = (
            f"{gap.bars:,} {what}{'s' * (gap.bars > 1)} missing from {moment_text(gap.start_ms)} "
            f"to {moment_text(end)}; {why}"
        )
        yield Finding("gap", text, gap.start_ms, gap.bars)


def _halts(table: pd.DataFrame) -> Iterator[Finding]:
    still = table["volume"].to_numpy() == 0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], still, [False])).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2):
        first = int(table["timestamp"].iloc[begin])
        number = int(end - begin)
        text = f"{number:,} candle{'s' * (number > 1)} without volume from {moment_text(first)}"
        yield Finding("no volume", text, first, number)


def _jumps(table: pd.DataFrame, large_jump: float) -> Iterator[Finding]:
    close = table["close"].to_numpy()
    moves = np.diff(close) / close[:-1]
    for position in np.flatnonzero(np.abs(moves) >= large_jump):
        at = int(table["timestamp"].iloc[position + 1])
        text = (
            f"close moves by {moves[position]:+.1%} to {close[position + 1]!s} at {moment_text(at)}"
        )
        yield Finding("jump", text, at, 1)
