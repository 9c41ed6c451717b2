"""Looks at a study's hold-out are counted in the study (4 s)."""

from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import ParameterError
from engine.optimize.looks import look
from engine.optimize.study import Identity, Study, stored_identity
from engine.params import StrategyParams
from tests.optimize.solo_search import job

IDENTITY = Identity("fingerprint", {}, {"coins": ["BTC/USDT"]}, {})
PARAMS = StrategyParams()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with the studies `mine` and `other`."""
    found = f"sqlite:///{tmp_path / 'study.db'}"
    for name in ("mine", "other"):
        Study.opened(found, name, IDENTITY).close()
    return found


def test_every_other_question_is_a_look_and_the_same_again_is_none(url: str) -> None:
    assert look(url, "mine", PARAMS, 50, 0) == 1
    assert look(url, "mine", PARAMS, 50, 0) == 1
    assert look(url, "mine", PARAMS.model_copy(update={"gamma": 0.7}), 50, 0) == 2
    assert look(url, "mine", PARAMS, 50, 1) == 3
    assert look(url, "mine", PARAMS, 99, 1) == 4
    assert look(url, "mine", PARAMS, 50, 0) == 4
    assert look(url, "other", PARAMS, 50, 0) == 1


def test_a_study_that_was_looked_at_goes_on_as_the_one_it_was(url: str) -> None:
    look(url, "mine", PARAMS, 50, 0)
    assert stored_identity(url, "mine") == IDENTITY.plain()
    with closing(Study.opened(url, "mine", IDENTITY)) as study:
        assert study.records() == []
        assert look(url, "mine", PARAMS, 50, 3) == 2


def test_a_database_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path / 'nowhere' / 'study.db'}"
    with pytest.raises(ParameterError, match="cannot use the database") as found:
        look(missing, "mine", PARAMS, 50, 0)
    assert "\n" not in str(found.value)


def test_a_study_that_grows_looks_at_its_holdout_again(tmp_path: Path) -> None:
    database = str(tmp_path / "study.db")
    looks, params = [], []
    for trials in (10, 10):
        _, conclusion = job(database, trials, mc_perms=19).run()
        assert conclusion is not None
        looks.append(conclusion.examination.looks)
        params.append(conclusion.params)
    assert params[0] != params[1]
    assert looks == [1, 2]
    (p_value,) = (x for x in conclusion.verdict.checks if x.name == "permutation p-value")
    assert p_value.wanted == "at most 0.0250 at look 2, of 39 or more"
    assert p_value.passed is None


def test_without_a_holdout_nothing_is_looked_at(tmp_path: Path) -> None:
    database = str(tmp_path / "study.db")
    for _ in range(2):
        _, conclusion = job(database, 10, holdout=0.0).run()
        assert conclusion is not None
        assert conclusion.examination.looks == 1
