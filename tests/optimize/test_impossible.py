"""Parameters that do not go together: left out, and said so (about 15 s)."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from engine.errors import ParameterError
from engine.optimize.conclusion import conclude
from engine.optimize.evaluate import Evaluator
from engine.optimize.job import OptimizeJob
from tests.optimize.solo_search import COINS, job, opened, search


@pytest.fixture
def database(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


THRESHOLDS = {
    "halt_z_threshold": {"type": "float", "low": -9.0, "high": -1.0},
    "resume_z_threshold": {"type": "float", "low": -3.0, "high": -0.5},
}


@pytest.mark.parametrize("workers", [0, 2])
def test_trials_that_cannot_be_give_way_to_others_and_are_stored_as_failed(
    database: str, workers: int
) -> None:
    settings = job(database, 12, workers=workers).settings
    mine = OptimizeJob.checked({}, COINS, settings, space=THRESHOLDS, source="sim")
    first = search(mine)
    assert first.added == len(first.trials) == 12
    assert "cannot be and gave way to others: halt_z_threshold" in first.notes[-1]
    with closing(opened(mine)) as study:
        trials = study.trials()
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert failed
    assert f"{len(failed)} draw" in first.notes[-1]
    for trial in failed:
        assert mine.space.objection(trial.params) == trial.user_attrs["impossible"]
    assert [trial.number for trial in trials] == list(range(12 + len(failed)))
    done = [trial.number for trial in trials if trial.state == TrialState.COMPLETE]
    assert [trial.number for trial in first.trials] == done

    second = search(mine)
    assert second.trials[:12] == first.trials
    with closing(opened(mine)) as study:
        assert study.records() == list(second.trials)


def test_a_space_in_which_hardly_anything_can_be_is_refused_in_one_line(database: str) -> None:
    rows = {
        "halt_z_threshold": {"type": "float", "low": 1e-300, "high": 100.0},
        "resume_z_threshold": {"type": "float", "low": 1e-300, "high": 100.0, "log": True},
    }
    base = {"halt_z_threshold": 1.0, "resume_z_threshold": 1.0}
    settings = job(database, 50, sampler="random").settings
    mine = OptimizeJob.checked(base, COINS, settings, space=rows, source="sim")
    with pytest.raises(ParameterError, match="500 trials in a row cannot be: halt_z_threshold"):
        search(mine)


def test_a_space_that_only_its_own_base_allows_is_searched_and_concluded_from(
    database: str,
) -> None:
    rows = {"halt_z_threshold": {"type": "float", "low": -3.0, "high": 0.0}}
    mine = OptimizeJob.checked(
        {"resume_z_threshold": 0.5}, COINS, job(database, 4).settings, space=rows, source="sim"
    )
    _, conclusion = mine.run()
    assert conclusion is not None
    assert conclusion.params.resume_z_threshold == 0.5


def test_neighbours_that_cannot_be_are_left_out_and_it_is_said(database: str) -> None:
    settings = job(database, 1).settings
    mine = OptimizeJob.checked({}, COINS, settings, space=THRESHOLDS, source="sim")
    result = search(mine)
    edge = replace(result.trials[0], params={"halt_z_threshold": -2.0, "resume_z_threshold": -2.0})
    candles = mine.load()
    evaluator = Evaluator(candles, result.plan, mine.backtest.params)
    conclusion = conclude(
        replace(result, trials=(edge,)),
        candles,
        lambda many: map(evaluator.trial, many),
        permutations=0,
    )
    assert conclusion.search.notes[-1] == (
        "left out: 2 neighbours of the robust parameters that cannot be"
    )
    assert conclusion.plateau is not None
    assert set(conclusion.plateau.falls) == set(THRESHOLDS)


def test_medians_that_cannot_be_are_replaced_and_it_is_said(database: str) -> None:
    rows = {**THRESHOLDS, "halt_z_threshold": {**THRESHOLDS["halt_z_threshold"], "step": 1.0}}
    settings = job(database, 20).settings
    mine = OptimizeJob.checked({}, COINS, settings, space=rows, source="sim")
    result = search(mine)
    pairs = [(-2.0, -1.9), (-1.0, -0.95)]  # between them: -1, the step above, and -1.425
    by_score = sorted(result.trials, key=lambda trial: -trial.score)
    moved = [
        replace(trial, params={"halt_z_threshold": halt, "resume_z_threshold": resume})
        for trial, (halt, resume) in zip(by_score, pairs, strict=False)
    ]
    candles = mine.load()
    evaluator = Evaluator(candles, result.plan, mine.backtest.params)
    conclusion = conclude(
        replace(result, trials=(*moved, *by_score[2:])),
        candles,
        lambda many: map(evaluator.trial, many),
        permutations=0,
    )
    assert any("the trial nearest to them is taken" in note for note in conclusion.search.notes)
    assert tuple(conclusion.cluster.params.values()) == pairs[1]
    assert conclusion.params.halt_z_threshold == -1.0
