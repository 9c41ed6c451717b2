"""Walk-forward as it would be traded: parameters found anew in every window, for the next one.

Each window is a search of its own, in a study of its own (`NAME.window1` ...), on its train span
alone. Its robust parameters trade the test span behind it, with what the account holds by then.
The test spans join, so that their equity is one curve that no parameter has ever seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.text import Text

from engine.document import to_json
from engine.errors import ParameterError
from engine.events import SearchEvent
from engine.export import keep_aside, write_whole
from engine.loop import Cancelled
from engine.metrics import performance
from engine.optimize.candles import Candles
from engine.optimize.control import SearchControl
from engine.optimize.evaluate import FILL_MODEL, Evaluator
from engine.optimize.records import Number, Plan, SearchResult, WindowSpan
from engine.optimize.reports import REFIT_FILE
from engine.optimize.robust import robust_cluster
from engine.optimize.walkforward import refit_plan
from engine.wording import amount, plural, ratio
from exchange.span import moment_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.optimize.job import OptimizeJob


@dataclass(frozen=True, slots=True)
class RefitWindow:
    """One window: the search on its train span, the parameters it chose, and what they made.

    `returns_pct`: of each coin's account on the test span, in percent.
    """

    span: WindowSpan
    search: SearchResult
    params: dict[str, Number]
    returns_pct: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Refit:
    """All windows, and their test spans stitched together.

    `equity`: of all coins' accounts together at the close of each bar of the test spans; `times`:
    opens of those bars, ms UTC; `metrics`: as in `engine.metrics.performance`. `stopped`: windows
    are missing.
    """

    pairs: tuple[str, ...]
    first_ms: int
    timeframe_ms: int
    windows: tuple[RefitWindow, ...]
    equity: npt.NDArray[np.float64]
    times: npt.NDArray[np.int64]
    metrics: dict[str, Any]
    stopped: bool


def refit(
    job: OptimizeJob,
    on_event: Callable[[SearchEvent], None] | None = None,
    control: SearchControl | None = None,
    candles: Candles | None = None,
) -> Refit:
    """Search every window and trade the next one; each window shall have the `trials` of the
    settings, so that the same job again goes on where it was stopped.

    `candles`: those of `job.load`, where they are at hand.

    Raises ParameterError (the first window has no trial, too), DataError; Cancelled: stopped before
    the first window was searched.
    """
    candles = candles or job.load(on_event, control)
    base = job.backtest.params
    settings = job.settings
    plan = refit_plan(candles.solid, settings.windows, *job.lookback(candles), settings.holdout)
    windows = []
    curves = [np.array([base.initial_capital]) for _ in candles.coins]
    for number, span in enumerate(plan.windows, 1):
        alone = replace(plan, windows=(span,))
        with job.pool(candles, alone, on_event) as pool:
            found = job.search(
                candles,
                alone,
                pool,
                on_event,
                control,
                study_name=f"{settings.study_name}.window{number}",
                grows=False,
            )
        if found.stopped or not found.trials:
            break
        trials, scores = [t.params for t in found.trials], [t.score for t in found.trials]
        params = robust_cluster(job.space, trials, scores, base).params
        tested = _test(candles, alone, job, params)
        windows.append(
            RefitWindow(span, found, params, tuple(100.0 * (float(c[-1]) - 1.0) for c in tested))
        )
        curves = [
            np.concatenate([curve, curve[-1] * growth])
            for curve, growth in zip(curves, tested, strict=True)
        ]
    if not windows and not settings.trials:
        raise ParameterError(f"{settings.study_name}.window1 has no finished trial: give --trials")
    if not windows:
        raise Cancelled
    total = np.sum([curve[1:] for curve in curves], axis=0)
    start = windows[0].span.test_start
    times = candles.first_ms + (start + np.arange(len(total))) * candles.timeframe_ms
    return Refit(
        candles.pairs,
        candles.first_ms,
        candles.timeframe_ms,
        tuple(windows),
        total,
        times.astype(np.int64),
        performance(total, base.initial_capital * len(curves), candles.timeframe_ms),
        stopped=len(windows) < len(plan.windows),
    )


def refit_lines(result: Refit) -> Iterator[Text]:
    """The windows as a table, and the account over all of them."""
    yield Text()
    yield Text("===== WALK-FORWARD, RE-OPTIMISED PER WINDOW =====", "bold")
    for number, window in enumerate(result.windows, 1):
        (begun, trained), (start, end) = _spans(window)
        best = window.search.best
        yield Text(
            f"  window {number}: {plural(len(window.search.trials), 'trial')}, best train score "
            f"{best.score:.4f}; trained {begun} to {trained}, traded {start} to {end}:"
        )
        for pair, gain in zip(result.pairs, window.returns_pct, strict=True):
            yield Text(f"    {pair:<12}{amount(gain, signed=True):>9}%")
    numbers = result.metrics
    yield Text()
    yield Text("Out of sample, all windows stitched together:")
    yield Text(f"  Return        {amount(numbers['total_return_pct'], signed=True):>10}%")
    yield Text(f"  Max drawdown  {amount(numbers['max_drawdown_pct']):>10}%")
    yield Text(f"  Sharpe        {ratio(numbers['sharpe_ratio']):>10}")
    yield Text(f"  Calmar        {ratio(numbers['calmar_ratio']):>10}")
    if result.stopped:
        yield Text("  stopped: windows are missing; the same command goes on", "yellow")


def refit_document(result: Refit) -> dict[str, Any]:
    """The same in plain values, the curve day by day."""
    last = len(result.equity) - 1
    step = max(1, 86_400_000 // result.timeframe_ms)
    kept = sorted({*range(step - 1, last, step), last})
    search = result.windows[0].search
    plan = search.plan
    return {
        "mode": "refit",
        "coins": result.pairs,
        "timeframe": search.timeframe,
        "start": moment_text(search.first_ms),
        "end": moment_text(search.last_ms),
        "source": search.source,
        "simulated": search.simulated,
        "sampler": search.sampler,
        "seed": search.seed,
        "fill_model": FILL_MODEL,
        "purge_bars": plan.purge,
        "holdout": {
            "share": search.holdout,
            "span": [search.moment(plan.holdout_start), search.moment(plan.holdout_end)]
            if plan.holdout_start < plan.holdout_end
            else None,
            "note": "neither searched nor traded",
        },
        "windows": [
            {
                "study": window.search.study,
                "trials": len(window.search.trials),
                "train": _spans(window)[0],
                "test": _spans(window)[1],
                "train_bars": [window.span.train_start, window.span.train_end],
                "test_bars": [window.span.test_start, window.span.test_end],
                "params": window.params,
                "returns_pct": dict(zip(result.pairs, window.returns_pct, strict=True)),
            }
            for window in result.windows
        ],
        "metrics": result.metrics,
        "equity": [[int(result.times[k]), float(result.equity[k])] for k in kept],
    }


def _spans(window: RefitWindow) -> tuple[tuple[str, str], tuple[str, str]]:
    """((first, end) of the train span, of the test span)."""
    span, moment = window.span, window.search.moment
    train = moment(span.train_start), moment(span.train_end)
    return train, (moment(span.test_start), moment(span.test_end))


def write_refit(result: Refit, data_dir: Path) -> Path:
    """Write `refit_document` whole or not at all, the one before kept aside; raises OSError."""
    path, text = data_dir / REFIT_FILE, to_json(refit_document(result)) + "\n"
    keep_aside(path)

    def write(partial: Path) -> None:
        partial.write_text(text, encoding="utf-8")

    write_whole(path, write)
    return path


def _test(
    candles: Candles, plan: Plan, job: OptimizeJob, params: dict[str, Number]
) -> list[npt.NDArray[np.float64]]:
    """Each coin's account on the test span relative to its start, at every bar of the plan."""
    evaluator = Evaluator(candles, plan, job.backtest.params)
    span = plan.windows[0]
    slots = np.arange(span.test_start, span.test_end)
    growth = []
    for coin, run in zip(
        candles.coins, evaluator.span(params, span.test_start, span.test_end), strict=True
    ):
        at = (coin.bars.time - candles.first_ms) // candles.timeframe_ms
        own = at[(at >= span.test_start) & (at < span.test_end)]
        curve = run.equity / job.backtest.params.initial_capital
        held = np.searchsorted(own, slots, side="right") - 1
        growth.append(np.where(held < 0, 1.0, curve[np.maximum(held, 0)]))
    return growth
