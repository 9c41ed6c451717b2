"""Market data in words: the lines and the JSON that `gridtui data` prints."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import __version__
from engine.wording import count, plural
from exchange.checks import find_gaps
from exchange.holdings import Gap, Holding, gap_map
from exchange.importing import Imported
from exchange.inspection import Inspection
from exchange.series import Series
from exchange.span import Span, moment_text
from exchange.timeframe import MINUTE_MS
from tui.backtest_line import backtest_line

if TYPE_CHECKING:
    from exchange.candles import Loaded

LEGEND = "█ all there   ▒ partly   · missing"

_LISTED = 10
_NAMED = 3
_SMALLEST_MAP = 8


def row(holding: Holding, width: int) -> str:
    """`SOL 1m       spot 2021-04-02 2021-05-14  99.2%   2 gaps ████▒█▒███` in `width` columns."""
    series, span = holding.series, holding.span
    name = f"{series.symbol.coin} {series.timeframe or 'funding'}"
    kind = "spot" if series.market == "spot" else "else" if series.server else "perp"
    kind = "SIM" if series.simulated else kind
    days = f"{_day(span.start_ms)} {_day(span.end_ms - 1)}"
    gaps = plural(len(holding.gaps), "gap") if holding.gaps else ""
    text = f"{name:<12} {kind:<4} {days} {_share(holding.completeness):>6} {gaps:>8} "
    return text + strip(gap_map(holding, max(_SMALLEST_MAP, width - len(text))))


def details(holding: Holding) -> str:
    """`61,278 candles, 434 missing, 2.1 MB, imported from sol.parquet`."""
    rows = plural(holding.rows, _unit(holding.series))
    missing = f"{count(holding.missing)} missing, " if holding.missing else ""
    made_up = "SIMULATED, " if holding.series.simulated and not holding.series.server else ""
    other = ", not Binance" if holding.series.server else ""
    return f"{rows}, {missing}{size_text(holding.size_bytes)}, {made_up}{holding.origin}{other}"


def strip(shares: list[float]) -> str:
    """Shares that are there, 0 to 1, as one character each; see `LEGEND`."""
    return "".join("█" if share > 0.9999 else "·" if share < 0.0001 else "▒" for share in shares)


def fetched(series: Series, loaded: "Loaded", asked: Span) -> list[str]:
    """What a fetch brought, and from where."""
    stamps = loaded.candles["timestamp"]
    span = Span(int(stamps.iloc[0]), int(stamps.iloc[-1]) + series.step_ms)
    lines = [f"{series}: {plural(len(stamps), 'candle')}, {span}; {loaded.received}"]
    gaps = find_gaps(stamps.to_numpy(), series.step_ms)
    if gaps:
        minutes = sum(gap.bars for gap in gaps) * series.step_ms // MINUTE_MS
        missing = f"{plural(len(gaps), 'gap')}, {count(minutes)} missing minutes"
        lines.append(f"  {missing}: the exchange has none")
    if span.start_ms - asked.start_ms >= series.step_ms:
        lines.append(f"  nothing from {moment_text(asked.start_ms)} on: not traded then")
    if loaded.rates is not None:
        lines.append(f"  {plural(len(loaded.rates), 'settlement')} of funding")
    return lines + [f"  note: {note}" for note in loaded.notes]


def imported(result: Imported) -> list[str]:
    """What an import brought, the gaps of the series, and how a backtest uses it."""
    series, merged = result.series, result.merged
    files = result.paths[0].name if len(result.paths) == 1 else plural(len(result.paths), "file")
    parts = ((merged.added, "new"), (merged.known, "known"), (merged.replaced, "replaced"))
    became = ", ".join(f"{count(rows)} {what}" for rows, what in parts if rows)
    market = "" if series.market == "spot" or series.simulated else f" {series.market}"
    rows = plural(result.rows, _unit(series))
    lines = [
        f"{series}{market}: {rows} from {files}, {result.span}: {became}",
        f"  {gaps_text(result.holding)}",
        *(f"    {line}" for line in gap_lines(result.holding)),
        *(f"  note: {note}" for note in result.notes),
    ]
    if series.timeframe is not None:
        lines.append(f"  use it: {backtest_line(series, result.span)}")
    return lines


def passed_over(paths: Sequence[Path]) -> str:
    """`passed over 3 files, whose names do not say what they hold: a.csv, b.txt, ...`."""
    names = ", ".join(path.name for path in paths[:_NAMED]) + ", ..." * (len(paths) > _NAMED)
    whose = "whose name does not say what it holds"
    if len(paths) > 1:
        whose = "whose names do not say what they hold"
    return f"passed over {plural(len(paths), 'file')}, {whose}: {names}"


def gaps_text(holding: Holding) -> str:
    """`2 gaps, 434 missing minutes`; `no gaps`."""
    if not holding.gaps:
        return "no gaps"
    gaps = plural(len(holding.gaps), "gap")
    if holding.series.timeframe is None:
        return f"{gaps}, {count(holding.missing)} missing settlements"
    minutes = holding.missing * holding.series.step_ms // MINUTE_MS
    return f"{gaps}, {count(minutes)} missing minutes"


def gap_lines(holding: Holding) -> list[str]:
    """The first gaps, one line each, and how many more there are."""
    lines = [_gap(gap, holding.series) for gap in holding.gaps[:_LISTED]]
    more = len(holding.gaps) - len(lines)
    return lines + ([f"and {plural(more, 'more gap')}"] if more else [])


def checked(inspection: Inspection) -> list[tuple[str, bool]]:
    """The result of a check, line by line, each with whether it names something wrong."""
    holding = inspection.holding
    verdict = "sound" if inspection.sound else "WRONG"
    rows = plural(inspection.rows, _unit(holding.series))
    lines = [
        (
            f"{holding.series}: {verdict}, {rows}, {holding.span}, {gaps_text(holding)}, "
            f"{holding.origin}",
            not inspection.sound,
        )
    ]
    seen: Counter[str] = Counter()
    for finding in inspection.findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= _LISTED:
            lines.append((f"  {finding.kind}: {finding.text}", finding.wrong))
    lines += [
        (f"  {kind}: and {count(number - _LISTED)} more", False)
        for kind, number in seen.items()
        if number > _LISTED
    ]
    return lines


def document(holding: Holding) -> dict[str, Any]:
    """A holding in plain values."""
    series = holding.series
    return {
        "symbol": series.symbol.pair,
        "kind": series.kind,
        "timeframe": series.timeframe,
        "market": series.market,
        "simulated": series.simulated,
        "server": series.server,
        "origins": list(holding.origins),
        "start_ms": holding.span.start_ms,
        "end_ms": holding.span.end_ms,
        "rows": holding.rows,
        "missing": holding.missing,
        "completeness": holding.completeness,
        "gaps": [
            {"start_ms": gap.start_ms, "bars": gap.bars, "outage": gap.outage}
            for gap in holding.gaps
        ],
        "bytes": holding.size_bytes,
        "files": [str(path) for path in holding.paths],
        "damaged": [str(path) for path in holding.damaged],
    }


def findings_document(inspection: Inspection) -> dict[str, Any]:
    """A check in plain values."""
    findings = [
        {
            "kind": finding.kind,
            "wrong": finding.wrong,
            "at_ms": finding.at_ms,
            "rows": finding.rows,
            "text": finding.text,
        }
        for finding in inspection.findings
    ]
    return {**document(inspection.holding), "sound": inspection.sound, "findings": findings}


def to_json(content: dict[str, Any]) -> str:
    """One document for scripts."""
    return json.dumps({"gridtui": __version__, **content}, indent=2, allow_nan=False)


def size_text(size_bytes: int) -> str:
    """`640 B`, `12 kB`, `3.4 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    return f"{size_bytes / 1_000_000:,.1f} MB"


def _gap(gap: Gap, series: Series) -> str:
    end = gap.start_ms + gap.bars * series.step_ms
    why = " (the exchange has none)" if gap.outage else ""
    missing = plural(gap.bars, _unit(series))
    return f"{moment_text(gap.start_ms)} to {moment_text(end)}: {missing}{why}"


def _unit(series: Series) -> str:
    return "settlement" if series.timeframe is None else "candle"


def _day(ms: int) -> str:
    return moment_text(ms)[:10]


def _share(share: float) -> str:
    """Percent, cut rather than rounded: 100% is whole."""
    return "100%" if share == 1.0 else f"{math.floor(share * 1000) / 10:.1f}%"
