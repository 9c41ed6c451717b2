"""The optimizer's two files: the robust parameters with every doubt, and the single best trial.

`data/optimizer_results_robust.json` is what `gridtui apply --key robust_params` reads and what
`engine.optimize.verdict.report_status` looks up before real money is traded;
`data/best_params_v4.json` is for reference.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import __version__
from engine.document import to_json
from engine.export import keep_aside, write_whole
from engine.optimize.apply import BEST_FILE
from engine.optimize.conclusion import Conclusion
from engine.optimize.evaluate import FILL_MODEL
from engine.optimize.records import SearchResult
from engine.optimize.report import last_test
from engine.optimize.reports import MOST_REPORTS
from engine.optimize.robust import TOP_SHARE, interpretation
from engine.optimize.verdict import RESULTS_FILE
from exchange.span import moment_text


def write_results(conclusion: Conclusion, data_dir: Path) -> list[Path]:
    """Write both files, each whole or not at all; returns their paths.

    Those that are already there give way under a name with their time; of these the newest
    `MOST_REPORTS` are kept.

    Raises OSError.
    """
    written = []
    for name, document in (
        (RESULTS_FILE, robust_document(conclusion)),
        (BEST_FILE, best_document(conclusion.search)),
    ):
        path, text = data_dir / name, to_json(document) + "\n"
        keep_aside(path)
        write_whole(path, lambda partial, text=text: _write(partial, text))  # type: ignore[misc]
        _thin_out(path)
        written.append(path)
    return written


def _thin_out(path: Path) -> None:
    """Remove all but the newest that were kept aside for `path`; names of one's own are left."""
    stamped = re.compile(re.escape(path.stem) + r"_\d{8}T\d{9}Z" + re.escape(path.suffix))
    kept = sorted(one for one in path.parent.iterdir() if stamped.fullmatch(one.name))
    for old in kept[:-MOST_REPORTS]:
        old.unlink(missing_ok=True)


def robust_document(conclusion: Conclusion) -> dict[str, Any]:
    """Everything learnt, in plain values; numbers that were not measured are None."""
    cluster, found = conclusion.cluster, conclusion.examination
    flat, luck = conclusion.plateau, found.overfitting
    pairs, robust = conclusion.search.pairs, conclusion.robust
    return {
        "gridtui": __version__,
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "verdict": asdict(conclusion.verdict),
        "study": _study(conclusion.search),
        "robust_params": cluster.params,
        "medoid_params": dict(conclusion.medoid.params),
        "params": conclusion.params.model_dump(),
        "cluster": {
            "share": TOP_SHARE,
            "trials": cluster.trials,
            "used": cluster.used,
            "lowest_score": cluster.span[0],
            "highest_score": cluster.span[1],
            "median_score": robust.score,
            "median_outside": conclusion.fallen,
            "medoid_trial": conclusion.medoid.number,
            "medoid_score": conclusion.medoid.score,
            "medoid_last_test_score": last_test(conclusion.medoid.test_scores),
        },
        "param_stability": {
            name: {"cv": one.cv, "label": one.label} for name, one in cluster.stability.items()
        },
        "robustness_score": cluster.score,
        "interpretation": interpretation(cluster.score, cluster.used),
        "interpretation_note": "of how alike the best trials are; the verdict is another question",
        "param_importance": dict(conclusion.importance),
        "windows": {
            "score": robust.score,
            "train_scores": _by_pair(pairs, robust.train_scores),
            "test_scores": _by_pair(pairs, robust.test_scores),
            "note": "test spans of all windows but the last lie in the train span of the last",
        },
        "oos": {
            "last_test_scores": _by_pair(pairs, tuple(row[-1] for row in robust.test_scores)),
            "last_test_score": last_test(robust.test_scores),
            "holdout_pct": _by_pair(pairs, found.holdout_pct) if found.holdout_pct else None,
            "holdout_score": found.holdout_score,
            "holdout_looks": found.looks if found.holdout_pct else None,
        },
        "strict_fills": {
            "span": "all bars",
            "returns_pct": _by_pair(pairs, found.strict_pct),
        },
        "search_fills": {
            "span": "all bars",
            "fill_model": FILL_MODEL,
            "returns_pct": _by_pair(pairs, found.path_pct),
        },
        "monte_carlo": {
            "permutations": len(found.permuted_scores),
            "p_value": found.p_value,
            "scores": found.permuted_scores,
        },
        "overfitting": None
        if luck is None
        else {
            "probability": luck.probability,
            "probability_of_loss": luck.probability_of_loss,
            "splits": len(luck.logits),
        },
        "deflated_sharpe": None if found.bounded is None else asdict(found.bounded),
        "deflated_sharpe_as_published": None if found.deflated is None else asdict(found.deflated),
        "plateau": None
        if flat is None
        else {"median_fall": flat.median_fall, "steepest": flat.steepest, "falls": flat.falls},
    }


def best_document(search: SearchResult) -> dict[str, Any]:
    """The best single trial, for reference."""
    best = search.best
    return {
        "gridtui": __version__,
        "note": "single best trial: reference only, it may be overfit",
        "study": _study(search),
        "best_params": dict(best.params),
        "trial": best.number,
        "score": best.score,
        "last_test_score": last_test(best.test_scores),
    }


def _study(search: SearchResult) -> dict[str, Any]:
    """What was searched; the storage's address is left out, since it may hold a password."""
    return {
        "name": search.study,
        "coins": search.pairs,
        "timeframe": search.timeframe,
        "start": moment_text(search.first_ms),
        "end": moment_text(search.last_ms),
        "source": search.source,
        "simulated": search.simulated,
        "trials": len(search.trials),
        "sampler": search.sampler,
        "seed": search.seed,
        "fill_model": FILL_MODEL,
        "windows": len(search.plan.windows),
        "window_spans": [
            {
                "train": [search.moment(one.train_start), search.moment(one.train_end)],
                "test": [search.moment(one.test_start), search.moment(one.test_end)],
            }
            for one in search.plan.windows
        ],
        "purge_bars": search.plan.purge,
        "holdout": {"share": search.holdout, "span": _holdout_span(search)},
        "space": {name: dict(row) for name, row in search.space.items()},
    }


def _holdout_span(search: SearchResult) -> list[str] | None:
    plan = search.plan
    if plan.holdout_start >= plan.holdout_end:
        return None
    return [search.moment(plan.holdout_start), search.moment(plan.holdout_end)]


def _by_pair(pairs: tuple[str, ...], values: tuple[Any, ...]) -> Mapping[str, Any]:
    return dict(zip(pairs, values, strict=True))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
