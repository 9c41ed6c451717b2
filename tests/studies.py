"""Studies for the Optimizer screen: database, notice and report of a search that never ran."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from engine.optimize.notice import (
    LOCK_FILE,
    NOTICE_FILE,
    Notice,
    SearchOrder,
    search_folder,
    shown_storage,
)
from engine.optimize.settings import DATABASE, SearchSettings
from engine.params import OPTIMIZER_SPACE, STRATEGY_PARAMS

PAIRS = ("BTC/USDT", "ETH/USDT")
START = "2024-01-01 00:00 UTC"
_NEW_YEAR_MS = 1_704_067_200_000
_TOLD_MS = 1_735_732_800_000  # 2025-01-01 12:00
_ALL_GOOD = {
    "permutation p-value": ("0.0196", "at most 0.05", True),
    "probability of overfitting": ("0.1800", "at most 0.50", True),
    "deflated Sharpe ratio": ("0.9710", "at least 0.95", True),
    "hold-out return": ("+3.10%", "above 0%, every coin", True),
}
_ALL_BAD = {
    "permutation p-value": ("0.4314", "at most 0.05", False),
    "probability of overfitting": (
        "0.8140, losing in 100%",
        "at most 0.50, or losing in at most 5%",
        False,
    ),
    "deflated Sharpe ratio": ("0.0004", "at least 0.95", False),
    "hold-out return": ("-0.13%", "above 0%, every coin", False),
}


def keep_trials(
    name: str = "mine", trials: int = 40, seed: int = 1, url: str = f"sqlite:///{DATABASE}"
) -> None:
    """A study of finished trials in a database, that of the current folder if none is named."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=url, study_name=name, direction="maximize")
    study.set_user_attr("gridtui", _identity())
    rng = np.random.default_rng(seed)
    study.add_trials([_trial(rng, i / max(trials, 1)) for i in range(trials)])
    study._storage._backend.engine.dispose()  # type: ignore[attr-defined]


def keep_notice(
    stage: str,
    words: str,
    name: str = "mine",
    *,
    storage: str | None = None,
    mode: str = "search",
    **told: Any,
) -> Path:
    """What the search of that study has said last; returns its folder."""
    settings = SearchSettings(study_name=name, storage=storage)
    folder = search_folder(Path("data"), settings)
    folder.mkdir(parents=True, exist_ok=True)
    order = SearchOrder(
        study=name,
        storage=shown_storage(settings),
        coins=("BTC", "ETH"),
        source="sim",
        start="2024-01-01",
        end="2024-07-01",
        trials=told.get("wanted", 40),
        windows=2,
        holdout=0.15,
        mc_perms=50,
        sampler="tpe",
        mode=mode,
        workers=None,
        seed=0,
        config=None,
        joins=False,
    )
    notice = Notice(
        order=order,
        stage=stage,  # type: ignore[arg-type]
        words=words,
        pid=1,
        began_ms=_TOLD_MS - 60_000,
        told_ms=_TOLD_MS,
        simulated=True,
        **told,
    )
    (folder / NOTICE_FILE).write_text(notice.model_dump_json())
    (folder / LOCK_FILE).touch()
    return folder


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Hold the lock of a search as its process does."""
    with (folder / LOCK_FILE).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def keep_report(word: str, name: str = "mine", trials: int = 40) -> None:
    """The report of the finished search, ROBUST or OVERFIT."""
    checks = _ALL_GOOD if word == "ROBUST" else _ALL_BAD
    holdout = (5.4, 3.1) if word == "ROBUST" else (2.5, -0.13)
    names = list(OPTIMIZER_SPACE)
    document = {
        "created": "2025-01-01T12:00:00Z",
        "study": {
            "name": name,
            "coins": PAIRS,
            "start": START,
            "simulated": True,
            "trials": trials,
        },
        "robust_params": {
            key: row["low"] + (row["high"] - row["low"]) // 2
            if row["type"] == "int"
            else row["low"]
            for key, row in OPTIMIZER_SPACE.items()
        },
        "medoid_params": {key: row["high"] for key, row in OPTIMIZER_SPACE.items()},
        "params": {**STRATEGY_PARAMS, "leverage": 2},
        "param_stability": {
            key: {"cv": 0.03 * i, "label": "STABLE" if 0.03 * i < 0.25 else "MODERATE"}
            for i, key in enumerate(names)
        },
        "robustness_score": 0.31,
        "interpretation": "GOOD robustness — parameters generalise well",
        "param_importance": {key: 1.0 / len(names) for key in names},
        "windows": {
            "score": 0.62,
            "train_scores": {pair: [0.81, 0.62] for pair in PAIRS},
            "test_scores": {pair: [0.34, -0.12] for pair in PAIRS},
        },
        "cluster": {
            "lowest_score": 0.58 if word == "ROBUST" else 0.71,
            "highest_score": 0.93,
            "median_outside": word != "ROBUST",
            "medoid_trial": 11,
        },
        "oos": {"holdout_pct": dict(zip(PAIRS, holdout, strict=True))},
        "strict_fills": {"returns_pct": dict(zip(PAIRS, (4.7, 1.2), strict=True))},
        "search_fills": {"returns_pct": dict(zip(PAIRS, (6.2, 3.9), strict=True))},
        "monte_carlo": {"permutations": 50, "p_value": 0.0196 if word == "ROBUST" else 0.4314},
        "overfitting": {"probability": 0.18, "probability_of_loss": 0.02},
        "deflated_sharpe": {"probability": 0.971},
        "plateau": {"median_fall": 0.12, "steepest": names[0]},
        "verdict": {
            "word": word,
            "sentence": f"{word}: {len(checks)} questions were asked",
            "checks": [
                {"name": key, "value": value, "wanted": wanted, "passed": good, "decides": True}
                for key, (value, wanted, good) in checks.items()
            ],
        },
    }
    Path("data").mkdir(exist_ok=True)
    Path("data/optimizer_results_robust.json").write_text(json.dumps(document))
    best = {"study": document["study"], "best_params": {"gamma": 1.9}}
    Path("data/best_params_v4.json").write_text(json.dumps(best))


def keep_refit(name: str = "mine", windows: int = 2, trials: int = 20) -> None:
    """The report of a refit whose windows lost and won."""
    rows = [
        {
            "study": f"{name}.window{number}",
            "trials": trials,
            "test": [f"2024-0{number + 1}-01 00:00 UTC", f"2024-0{number + 2}-01 00:00 UTC"],
            "params": {
                key: row["low"] if number % 2 else row["high"]
                for key, row in OPTIMIZER_SPACE.items()
            },
            "returns_pct": dict(zip(PAIRS, (-1.5 * number, 2.25), strict=True)),
        }
        for number in range(1, windows + 1)
    ]
    document = {
        "coins": PAIRS,
        "start": START,
        "simulated": True,
        "windows": rows,
        "metrics": {
            "total_return_pct": 1.06,
            "max_drawdown_pct": 2.4,
            "sharpe_ratio": 0.81,
            "calmar_ratio": None,
        },
        "equity": [[_NEW_YEAR_MS, 20_000.0], [_TOLD_MS, 20_212.0]],
    }
    Path("data").mkdir(exist_ok=True)
    Path("data/optimizer_results_refit.json").write_text(json.dumps(document))


def _identity() -> dict[str, Any]:
    return {
        "data": "0",
        "space": OPTIMIZER_SPACE,
        "job": {
            "coins": PAIRS,
            "start": START,
            "first_ms": _NEW_YEAR_MS,
            "timeframe": "15m",
            "mode": "search",
            "cuts": [[6_000, 9_000], [9_000, 14_000]],
        },
        "base": {k: v for k, v in STRATEGY_PARAMS.items() if k not in OPTIMIZER_SPACE},
        "goals": ["score"],
        "version": "0",
    }


def _trial(rng: np.random.Generator, progress: float) -> optuna.trial.FrozenTrial:
    """Scores rise as the search goes on."""
    params: dict[str, float] = {}
    kinds: dict[str, optuna.distributions.BaseDistribution] = {}
    for name, row in OPTIMIZER_SPACE.items():
        low, high = row["low"], row["high"]
        if row["type"] == "int":
            params[name] = int(rng.integers(low, high + 1))
            kinds[name] = optuna.distributions.IntDistribution(low, high)
        else:
            params[name] = float(rng.uniform(low, high))
            kinds[name] = optuna.distributions.FloatDistribution(low, high)
    train = [[float(s) for s in progress + 0.3 * rng.standard_normal(2)] for _ in PAIRS]
    score = min(min(row) for row in train)
    trial = optuna.trial.create_trial(
        params=params,
        distributions=kinds,
        value=score,
        user_attrs={
            "score": score,
            "train_scores": train,
            "test_scores": [[s - 0.4 for s in row] for row in train],
        },
    )
    trial.datetime_start = trial.datetime_complete = datetime(2025, 1, 1, 11, 59)
    return trial
