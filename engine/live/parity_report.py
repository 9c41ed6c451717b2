"""The comparison of a run with its backtest as text of 80 columns, and as plain values."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from engine.account import SIDE_NAMES
from engine.live.parity import MEANINGS, Difference, Parity
from engine.live.parity_pairs import Fill
from engine.trades import LABELS
from engine.wording import amount, count, dollars, plural
from exchange.span import moment_text

FIRST = 20
_CENT = 0.005
_RULE = "─" * 60
_WIDTH = 80


def print_parity(parity: Parity, mode: str, console: Console, most: int | None = FIRST) -> None:
    """Print the report with the first `most` differences (None: all)."""
    run = parity.run
    console.print(_RULE)
    console.print(Text(f"  {run.symbol} — parity of the {mode} run {run.name}", "bold"))
    console.print(_RULE)
    for line in _facts(parity):
        console.print(Text(line))
    if parity.differences:
        console.print(Text("\n  Cost by cause, USDT (+ the run has more)", "bold"))
        for line in _causes(parity):
            console.print(Text(line))
        shown = parity.differences[:most]
        of_all = "" if len(shown) == len(parity.differences) else f", the first {len(shown)}"
        title = f"\n  {plural(len(parity.differences), 'difference')}{of_all}"
        console.print(Text(title, "bold"))
        for found in shown:
            for line in _difference(found):
                console.print(Text(line))
        if of_all:
            console.print(Text("  --all shows the others", "dim"))
    console.print()
    for line in _folded(f"  {verdict(parity)}", "  "):
        console.print(Text(line, "yellow" if parity.differences else "green"))


def verdict(parity: Parity) -> str:
    """The outcome as one or two sentences."""
    run = parity.run
    span = plural(run.bars - run.began, "bar")
    if not parity.differences:
        return f"Equal: {plural(parity.live_trades, 'fill')} in {span} as in the backtest."
    cause, total = next(iter(parity.causes.items()))
    gap = parity.difference
    ends = "The run ended with the backtest's equity"
    if abs(gap) >= _CENT:
        more = "more" if gap > 0 else "less"
        share = abs(gap) / run.params.initial_capital
        ends = f"The run ended with {amount(abs(gap))} USDT ({share:.2%}) {more}"
    return f"{ends}. Dearest cause: {MEANINGS[cause]} ({amount(total.cost, signed=True)})."


def parity_document(parity: Parity, mode: str) -> dict[str, Any]:
    """The whole comparison in plain values, ready for `engine.document.to_json`."""
    run = parity.run
    time = run.features.time
    return {
        "symbol": run.symbol.pair,
        "mode": mode,
        "run": run.name,
        "timeframe": run.timeframe,
        "fills_on": parity.fills_on,
        "first_ms": int(time[run.began]),
        "end_ms": int(time[run.bars]),
        "bars": run.bars - run.began,
        "capital": run.params.initial_capital,
        "params": run.params.model_dump(),
        "fills": {
            "run": parity.live_trades,
            "backtest": parity.backtest_trades,
            "equal": parity.equal,
            "under_way": run.under_way,
        },
        "equity": {
            "run": parity.live_equity,
            "backtest": parity.backtest_equity,
            "difference": parity.difference,
            "remainder": parity.remainder,
        },
        "equal": not parity.differences,
        "causes": {
            cause: {"meaning": MEANINGS[cause], "cost": total.cost, **asdict(total)}
            for cause, total in parity.causes.items()
        },
        "differences": [
            {
                "bar": found.bar,
                "time_ms": found.time_ms,
                "bars": found.bars,
                "cause": found.cause,
                "text": found.text,
                "run": _fill(found.live),
                "backtest": _fill(found.backtest),
                "at_once": found.at_once,
                "later": found.later,
                "cost": found.cost,
            }
            for found in parity.differences
        ],
        "notes": list(run.notes),
        "verdict": verdict(parity),
    }


def _facts(parity: Parity) -> Iterator[str]:
    run, time = parity.run, parity.run.features.time
    bars, capital = count(run.bars - run.began), dollars(run.params.initial_capital)
    yield f"  {moment_text(int(time[run.began]))} → {moment_text(int(time[run.bars]))}"
    finer = "" if parity.fills_on == run.timeframe else f", fills on {parity.fills_on}"
    yield f"  {bars} bars of {run.timeframe}{finer}, capital {capital}"
    yield (
        f"  fills    run {count(parity.live_trades)}, backtest "
        f"{count(parity.backtest_trades)}, equal {count(parity.equal)}"
    )
    yield (
        f"  equity   run {amount(parity.live_equity)}, backtest "
        f"{amount(parity.backtest_equity)}, difference {amount(parity.difference, signed=True)}"
    )
    if run.under_way:
        yield f"  left out: {plural(run.under_way, 'fill')} of the bar under way"
    for note in run.notes:
        yield from _folded(f"  note: {note}", "        ")


def _causes(parity: Parity) -> Iterator[str]:
    yield f"  {'':<34}{'times':>6}{'at once':>12}{'later':>12}{'cost':>12}"
    for cause, total in parity.causes.items():
        columns = (total.at_once, total.later, total.cost)
        numbers = "".join(f"{amount(value, signed=True):>12}" for value in columns)
        yield f"  {MEANINGS[cause]:<34}{count(total.count):>6}{numbers}"
    yield f"  {'remainder':<64}{amount(parity.remainder, signed=True):>12}"
    yield f"  {'difference of the equities':<64}{amount(parity.difference, signed=True):>12}"


def _difference(found: Difference) -> Iterator[str]:
    name = f"  {moment_text(found.time_ms)}  {MEANINGS[found.cause]}"
    yield f"{name:<66}{amount(found.cost, signed=True):>12}"
    yield from _folded(f"      {found.text}", "      ")


def _folded(line: str, indent: str) -> Iterator[str]:
    while len(line) > _WIDTH:
        cut = line.rfind(" ", len(indent), _WIDTH)
        if cut < 0:
            break
        yield line[:cut]
        line = indent + line[cut + 1 :]
    yield line


def _fill(fill: Fill | None) -> dict[str, Any] | None:
    if fill is None:
        return None
    side = SIDE_NAMES[fill.side] if fill.side >= 0 else ""
    return asdict(fill) | {"side": side, "label": LABELS[fill.label]}
