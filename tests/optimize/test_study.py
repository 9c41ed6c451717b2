"""A study in its file: what it refuses, what it writes, what comes back (about 15 s)."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from engine.errors import ParameterError
from engine.optimize.batch import insert_trials
from engine.optimize.ledger import SoloLedger
from engine.optimize.records import TrialRecord
from engine.optimize.settings import SearchSettings, passwords_in, without_password
from engine.optimize.study import Identity, Study, frozen_of, record_of, stored_identity
from tests.optimize.candles import BASE, SPACE, random_values

IDENTITY = Identity(
    data="0123456789abcdef",
    space=SPACE.plain(),
    job={"coins": ["BTC/USDT"], "end": "2024-06-01 00:00 UTC", "windows": 4},
    base=BASE.model_dump(),
)


def record(number: int) -> TrialRecord:
    rng = np.random.default_rng(number)
    train = tuple(tuple(rng.normal(size=3).tolist()) for _ in range(2))
    test = tuple(tuple(rng.normal(size=3).tolist()) for _ in range(2))
    score = min(map(min, train))
    returns = rng.normal(0.0, 0.01, 90).astype(np.float32).astype(np.float64)
    return TrialRecord(number, random_values(number), score, train, test, (score,), returns, 0.25)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_records_come_back_as_they_were_written(url: str) -> None:
    records = [record(number) for number in range(5)]
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        insert_trials(study.storage, study.id, [frozen_of(each, SPACE) for each in records])
        assert study.records() == records
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        found = study.records()
    assert found == records
    for one, other in zip(found, records, strict=True):
        assert np.array_equal(one.returns, other.returns)
        assert one.seconds == other.seconds


def test_a_batch_leaves_the_rows_that_optuna_would_have_left(url: str) -> None:
    trials = [
        frozen_of(record(number), SPACE, {"NSGAIISampler:generation": 3}) for number in range(3)
    ]
    with closing(Study.opened(url, "batch", IDENTITY)) as study:
        insert_trials(study.storage, study.id, trials)
        ours = study.optuna.get_trials()
    with closing(Study.opened(url, "one by one", IDENTITY)) as study:
        study.optuna.add_trials(trials)
        theirs = study.optuna.get_trials()
    for one, other, given in zip(ours, theirs, trials, strict=True):
        for name in (
            "number",
            "state",
            "values",
            "params",
            "distributions",
            "user_attrs",
            "system_attrs",
            "datetime_start",
            "datetime_complete",
        ):
            assert getattr(one, name) == getattr(other, name), name
        assert isinstance(given.datetime_start, datetime)
        assert one.system_attrs == {"NSGAIISampler:generation": 3}


def test_a_batch_that_fails_leaves_nothing(url: str) -> None:
    bad = frozen_of(record(1), SPACE)
    bad.user_attrs["seconds"] = object()
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        with pytest.raises(TypeError):
            insert_trials(study.storage, study.id, [frozen_of(record(0), SPACE), bad])
        assert study.optuna.get_trials() == []
        assert insert_trials(study.storage, study.id, [frozen_of(record(0), SPACE)]) == [(1, 0)]


def test_a_database_that_cannot_be_written_any_more_is_one_line(url: str) -> None:
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        ledger = SoloLedger(study, SPACE, 0, 2)
        ledger.finish(1, record(0), {})
        with study.storage.engine.connect() as other:
            other.exec_driver_sql("DROP TABLE trial_params")
            other.commit()
        with pytest.raises(ParameterError, match="no such table"):
            ledger.flush()


def test_optunas_own_reader_understands_the_study(url: str) -> None:
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        records = [record(number) for number in range(4)]
        insert_trials(study.storage, study.id, [frozen_of(each, SPACE) for each in records])
        best = max(records, key=lambda each: each.score)
        assert study.optuna.best_params == dict(best.params)
        assert study.optuna.best_value == best.score
        assert {trial.state for trial in study.optuna.trials} == {TrialState.COMPLETE}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (replace(IDENTITY, data="f" * 16), "the candles differ"),
        (
            replace(IDENTITY, job={**IDENTITY.job, "coins": ["BTC/USDT", "ETH/USDT"]}),
            "coins was BTC/USDT and is now BTC/USDT ETH/USDT",
        ),
        (replace(IDENTITY, job={**IDENTITY.job, "windows": 3}), "windows was 4 and is now 3"),
        (
            replace(
                IDENTITY, space={**SPACE.plain(), "gamma": {"type": "float", "low": 0, "high": 1}}
            ),
            "search space, gamma was",
        ),
        (replace(IDENTITY, base={**IDENTITY.base, "leverage": 3}), "leverage was 1 and is now 3"),
        (replace(IDENTITY, goals=("growth", "drawdown")), "its sampler is told score"),
        (replace(IDENTITY, version="0.0.0"), "it was made by gridtui"),
    ],
)
def test_a_study_of_something_else_is_refused_with_the_reason(
    url: str, other: Identity, reason: str
) -> None:
    Study.opened(url, "s", IDENTITY).close()
    with pytest.raises(ParameterError, match=reason):
        Study.opened(url, "s", other)
    Study.opened(url, "another name", replace(IDENTITY, data="f" * 16)).close()


def test_a_study_that_others_have_written_is_refused(url: str) -> None:
    study = optuna.create_study(storage=url, study_name="theirs", direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    study._storage.remove_session()
    with pytest.raises(ParameterError, match="trials that gridtui did not write"):
        Study.opened(url, "theirs", IDENTITY)


def test_a_strange_trial_in_our_study_is_refused(url: str) -> None:
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        study.optuna.add_trial(optuna.trial.create_trial(value=1.0))
        with pytest.raises(ParameterError, match="trial 0 of the study was not written by gridtui"):
            study.records()


def test_one_search_at_a_time_works_on_a_file(url: str, tmp_path: Path) -> None:
    code = (
        "import sys, json; from engine.optimize.study import Identity, Study\n"
        "from engine.errors import ParameterError\n"
        "try: Study.opened(sys.argv[1], 's', Identity(**json.loads(sys.argv[2])))\n"
        "except ParameterError as error: print(error)"
    )
    told = json.dumps(IDENTITY.plain())

    def other() -> str:
        words = [sys.executable, "-c", code, url, told]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    with closing(Study.opened(url, "s", IDENTITY)):
        assert f"another search works on {tmp_path / 'study.db'}" in other()
    assert other() == ""


def test_of_two_that_begin_a_file_at_once_one_is_told_to_wait(url: str) -> None:
    code = (
        "import sys, json; from engine.optimize.study import Identity, Study\n"
        "from engine.errors import ParameterError\n"
        "print('here', flush=True)\n"
        "for url in sys.stdin:\n"
        "    try:\n"
        "        study = Study.opened(url.strip(), 's', Identity(**json.loads(sys.argv[1])))\n"
        "        print('opened', flush=True); sys.stdin.readline(); study.close()\n"
        "    except ParameterError as error:\n"
        "        print(error, flush=True); sys.stdin.readline()\n"
    )
    words = [sys.executable, "-c", code, json.dumps(IDENTITY.plain())]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as one,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as two,
    ):
        both = (one, two)
        for each in both:
            assert each.stdout is not None
            assert each.stdout.readline() == "here\n"
        for number in range(5):
            said = []
            for each in both:
                assert each.stdin is not None
                each.stdin.write(f"{url}{number}\n")
                each.stdin.flush()
            for each in both:
                assert each.stdout is not None
                said.append(each.stdout.readline())
            for each in both:
                assert each.stdin is not None
                each.stdin.write("\n")
                each.stdin.flush()
            assert sorted(line.partition(" on ")[0].strip() for line in said) == [
                "another search works",
                "opened",
            ]
        for each in both:
            assert each.stdin is not None
            each.stdin.close()


def test_asking_what_a_study_is_about_makes_no_tables(url: str, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.touch()
    assert stored_identity(url, "s") is None
    assert path.stat().st_size == 0


def test_an_attribute_is_changed_from_what_it_is_and_not_at_all_if_that_fails(url: str) -> None:
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        insert_trials(study.storage, study.id, [frozen_of(record(0), SPACE)])

        def counted(stored: int | None, trials: Mapping[TrialState, int]) -> int:
            return (stored or 0) + trials[TrialState.COMPLETE]

        assert [study.revise("count", counted) for _ in range(3)] == [1, 2, 3]

        def refused(stored: int | None, trials: Mapping[TrialState, int]) -> int:
            raise ParameterError(f"{stored} is enough of {len(trials)}")

        with pytest.raises(ParameterError, match="3 is enough of 1"):
            study.revise("count", refused)
        assert study.optuna.user_attrs["count"] == 3


def test_a_trial_is_failed_and_claimed_anew_in_one_transaction(url: str) -> None:
    runs = optuna.trial.create_trial(
        state=TrialState.RUNNING, params=random_values(0), distributions=SPACE.distributions
    )
    with closing(Study.opened(url, "s", IDENTITY)) as study:
        [(lost, _)] = insert_trials(study.storage, study.id, [runs])
        bad = frozen_of(record(1), SPACE)
        bad.user_attrs["seconds"] = object()
        with pytest.raises(TypeError):
            insert_trials(study.storage, study.id, [bad], instead_of=lost)
        assert [trial.state for trial in study.trials()] == [TrialState.RUNNING]
        [(_, number)] = insert_trials(study.storage, study.id, [runs], 1, instead_of=lost)
        assert number == 1
        states = [trial.state for trial in study.trials()]
        assert states == [TrialState.FAIL, TrialState.RUNNING]
        assert insert_trials(study.storage, study.id, [runs], 9, instead_of=lost) == []
        assert study.trials()[0].datetime_complete is not None


def test_what_a_study_is_about_can_be_read_back(url: str) -> None:
    assert stored_identity(url, "s") is None
    Study.opened(url, "s", IDENTITY).close()
    assert stored_identity(url, "s") == IDENTITY.plain()
    assert stored_identity(url, "t") is None


@pytest.mark.parametrize(
    ("storage", "complaint"),
    [
        (
            "missing/folder/study.db",
            "cannot use the database sqlite:///missing/folder/study.db: No such file or directory",
        ),
        (":memory:", "storage :memory: keeps nothing: give a file"),
        ("sqlite:///:memory:", "storage sqlite:///:memory: keeps nothing"),
        ("sqlite:///", "storage sqlite:/// keeps nothing"),
        ("/", "cannot use the database sqlite:////: Is a directory"),
        ("mysql://me:secret@host/db", r"storage mysql://me:\*\*\*@host/db is not supported"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(
    storage: str, complaint: str
) -> None:
    with pytest.raises(ParameterError, match=complaint):
        Study.opened(SearchSettings(storage=storage).url, "s", IDENTITY)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    pytest.importorskip("psycopg", reason="the extra postgres is not installed")
    with pytest.raises(ParameterError, match=r"me:\*\*\*@127.0.0.1:1/db: connection failed"):
        Study.opened("postgresql://me:secret@127.0.0.1:1/db", "s", IDENTITY)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("shopping list\n" * 100)
    with pytest.raises(ParameterError, match="file is not a database"):
        Study.opened(f"sqlite:///{path}", "s", IDENTITY)
    assert os.path.getsize(path) > 1_000


def test_urls_are_shown_without_passwords() -> None:
    assert without_password("postgresql+psycopg://a:b@h/d") == "postgresql+psycopg://a:***@h/d"
    assert without_password("postgresql+psycopg://a@h/d") == "postgresql+psycopg://a@h/d"
    assert without_password("study.db") == "study.db"
    assert without_password("postgresql://a:b/c@d@h/d") == "postgresql://a:***@h/d"
    query = "postgresql://h:5432/d?user=a&password={}&sslmode=require"
    assert without_password(query.format("b@c")) == query.format("***")
    assert passwords_in(query.format("b%40c")) == {"b%40c", "b@c"}
    assert passwords_in("postgresql://a:b/c@d@h/d") == {"b/c@d"}
    assert passwords_in("postgresql://a@h:5432/d") == set()


def test_a_record_with_a_score_that_is_no_number_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="a score that is no number"):
        replace(record(0), values=(float("nan"),))
    with pytest.raises(ValueError, match="not its worst train score"):
        replace(record(0), score=9.0)


def test_a_trial_that_is_read_is_the_record_of_its_number() -> None:
    frozen = frozen_of(record(3), SPACE)
    frozen.number = 3
    assert record_of(frozen) == record(3)
