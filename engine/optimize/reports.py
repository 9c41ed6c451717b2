"""The optimizer's written conclusions, read back: which study they are about and what they say."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.optimize.verdict import RESULTS_FILE, Check

REFIT_FILE = "optimizer_results_refit.json"
_Written = TypeVar("_Written")

MOST_REPORTS = 50


@dataclass(frozen=True, slots=True)
class Report:
    """One `optimizer_results_robust*.json`; numbers that were not measured are None.

    `stability`: (CV, label) by parameter; scores by pair, a number a window; `cluster_scores`: the
    worst and the best of the trials that the parameters are the median of; `steepest`: the
    parameter that costs most beside the chosen point; `looks`: how often the hold-out was asked;
    `tests`: (first moment, end) of each window's test span, as text.
    """

    path: Path
    study: str
    coins: tuple[str, ...]
    start: str
    simulated: bool
    trials: int
    created: str
    word: str
    sentence: str
    checks: tuple[Check, ...]
    params: Mapping[str, float]
    stability: Mapping[str, tuple[float | None, str]]
    robustness: float | None
    interpretation: str
    importance: Mapping[str, float]
    score: float
    cluster_scores: tuple[float, float]
    median_outside: bool
    medoid_trial: int
    train_scores: Mapping[str, tuple[float, ...]]
    test_scores: Mapping[str, tuple[float, ...]]
    holdout_pct: Mapping[str, float]
    looks: int | None
    path_pct: Mapping[str, float]
    strict_pct: Mapping[str, float]
    p_value: float | None
    permutations: int
    overfitting: float | None
    losses: float | None
    deflated: float | None
    fall: float | None
    steepest: str
    tests: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RefitWindow:
    """One window of a refit. `test`: (first moment, end) of what its `params` traded, as text;
    `returns_pct`: by pair."""

    test: tuple[str, str]
    trials: int
    params: Mapping[str, float]
    returns_pct: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RefitReport:
    """One `optimizer_results_refit*.json`: windows, and the account over all their test spans.

    `equity`: of all coins together, at `times` in ms UTC; figures are None where undefined.
    """

    study: str
    coins: tuple[str, ...]
    start: str
    simulated: bool
    windows: tuple[RefitWindow, ...]
    times: tuple[int, ...]
    equity: tuple[float, ...]
    return_pct: float | None
    drawdown_pct: float | None
    sharpe: float | None
    calmar: float | None


class Reports:
    """The reports of a data folder; files that have not changed are not read again."""

    def __init__(self, data_dir: Path) -> None:
        self._searches = _Files(data_dir, RESULTS_FILE, report_of)
        self._refits = _Files(data_dir, REFIT_FILE, refit_of)

    def newest_first(self) -> tuple[Report, ...]:
        """Those of searches that can be read, `MOST_REPORTS` at most."""
        return self._searches.newest_first()

    def refits(self) -> tuple[RefitReport, ...]:
        """Those of refits, in the same way."""
        return self._refits.newest_first()


class _Files(Generic[_Written]):
    """Documents of one kind: those of `name`, and those that gave way to newer ones."""

    def __init__(
        self, folder: Path, name: str, read: Callable[[Mapping[str, Any], Path], _Written]
    ) -> None:
        self._folder, self._name, self._read = folder, name, read
        self._known: dict[tuple[Path, int], _Written | None] = {}

    def newest_first(self) -> tuple[_Written, ...]:
        found = []
        for path in self._folder.glob(f"{Path(self._name).stem}*.json"):
            try:
                found.append((path.stat().st_mtime_ns, path))
            except OSError:
                continue
        found.sort(reverse=True)
        keys = [(path, written) for written, path in found[:MOST_REPORTS]]
        self._known = {
            key: self._known[key] if key in self._known else self._document(key[0]) for key in keys
        }
        return tuple(report for report in self._known.values() if report is not None)

    def _document(self, path: Path) -> _Written | None:
        try:
            return self._read(json.loads(path.read_text(encoding="utf-8")), path)
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None


def report_of(document: Mapping[str, Any], path: Path) -> Report:
    """The report of a document that `engine.optimize.results` wrote.

    What the scatter of its parameters means is said anew: reports of earlier versions praise that
    of two trials. Raises KeyError, TypeError or ValueError for another one.
    """
    from engine.optimize.robust import Stability, interpretation, used_of  # numpy: 0.1 s

    study, oos, verdict = document["study"], document["oos"], document["verdict"]
    windows, cluster = document["windows"], document["cluster"]
    luck, flat = document["overfitting"] or {}, document["plateau"] or {}
    sharpe = document["deflated_sharpe"] or {}
    used, robustness = used_of(int(study["trials"])), document["robustness_score"]
    return Report(
        path=path,
        study=str(study["name"]),
        coins=tuple(study["coins"]),
        start=str(study["start"]),
        simulated=bool(study["simulated"]),
        trials=int(study["trials"]),
        created=str(document["created"]),
        word=str(verdict["word"]),
        sentence=str(verdict["sentence"]),
        checks=tuple(Check(**check) for check in verdict["checks"]),
        params=dict(document["robust_params"]),
        stability={
            name: (cv, Stability(math.inf if cv is None else cv, used).label)
            for name, cv in ((n, one["cv"]) for n, one in document["param_stability"].items())
        },
        robustness=robustness,
        interpretation=interpretation(robustness, used),
        importance=dict(document["param_importance"]),
        score=float(windows["score"]),
        cluster_scores=(float(cluster["lowest_score"]), float(cluster["highest_score"])),
        median_outside=bool(cluster["median_outside"]),
        medoid_trial=int(cluster["medoid_trial"]),
        train_scores={pair: tuple(row) for pair, row in windows["train_scores"].items()},
        test_scores={pair: tuple(row) for pair, row in windows["test_scores"].items()},
        holdout_pct=dict(oos["holdout_pct"] or {}),
        looks=oos.get("holdout_looks"),
        path_pct=dict(document["search_fills"]["returns_pct"]),
        strict_pct=dict(document["strict_fills"]["returns_pct"]),
        p_value=document["monte_carlo"]["p_value"],
        permutations=int(document["monte_carlo"]["permutations"]),
        overfitting=luck.get("probability"),
        losses=luck.get("probability_of_loss"),
        deflated=sharpe.get("probability"),
        fall=flat.get("median_fall"),
        steepest=str(flat.get("steepest", "")),
        tests=tuple(
            (str(one["test"][0]), str(one["test"][1])) for one in study.get("window_spans", ())
        ),
    )


def refit_of(document: Mapping[str, Any], path: Path) -> RefitReport:  # noqa: ARG001  (as report_of)
    """The report of a document that `engine.optimize.refit` wrote.

    Raises KeyError, IndexError, TypeError or ValueError for another one.
    """
    rows, figures = document["windows"], document["metrics"]
    return RefitReport(
        study=str(rows[0]["study"]).removesuffix(".window1"),
        coins=tuple(document["coins"]),
        start=str(document["start"]),
        simulated=bool(document["simulated"]),
        windows=tuple(
            RefitWindow(
                test=(str(row["test"][0]), str(row["test"][1])),
                trials=int(row["trials"]),
                params=dict(row["params"]),
                returns_pct=dict(row["returns_pct"]),
            )
            for row in rows
        ),
        times=tuple(int(moment) for moment, _ in document["equity"]),
        equity=tuple(float(value) for _, value in document["equity"]),
        return_pct=figures["total_return_pct"],
        drawdown_pct=figures["max_drawdown_pct"],
        sharpe=figures["sharpe_ratio"],
        calmar=figures["calmar_ratio"],
    )
