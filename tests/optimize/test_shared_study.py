"""One study on several machines, on a real PostgreSQL (about 55 s)."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState

from engine.errors import ParameterError
from engine.events import SearchProgress
from engine.optimize.batch import insert_trials
from engine.optimize.evaluate import Evaluator
from engine.optimize.job import OptimizeJob
from engine.optimize.ledger import SharedLedger
from engine.optimize.records import Number, TrialRecord
from engine.optimize.search import record_from
from engine.optimize.settings import SearchSettings
from engine.optimize.study import Identity, Study, finished, frozen_of, record_of
from gridtui import main
from tests.optimize.shared_search import HEARTBEAT, STUDY, job

pytestmark = pytest.mark.postgres
TRIALS = 30


def test_a_killed_machine_loses_no_trial_and_none_is_counted_twice(postgres_url: str) -> None:
    with _machine(postgres_url, "begin", TRIALS) as first:
        _hear(first, "ready")
        with _machine(postgres_url, "join", 1) as second:
            _hear(second, "ready")
            for machine in (second, first):
                _go(machine)
            _hear(second, "trial")
            second.send_signal(signal.SIGKILL)
            second.wait()
        told, _ = first.communicate(timeout=120)
    assert first.returncode == 0

    trials = _trials(postgres_url)
    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(finished) == TRIALS
    assert not [trial for trial in trials if trial.state == TrialState.RUNNING]
    assert len({trial.number for trial in trials}) == len(trials)
    assert len({tuple(trial.params.values()) for trial in finished}) == TRIALS
    lost = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert lost, "the killed process left trials behind"
    done = {tuple(trial.params.values()) for trial in finished}
    assert all(tuple(trial.params.values()) in done for trial in lost)
    heard = [int(line.split()[1]) for line in told.splitlines() if line.startswith("trial")]
    assert sorted(heard) == sorted(trial.number for trial in finished)

    # one process alone comes to the same with the same trials
    alone = job(postgres_url, 1, 0, joins=True)
    candles = alone.load()
    evaluator = Evaluator(candles, alone.plan(candles), alone.backtest.params)
    scores = [evaluator.trial(trial.params).score for trial in finished]
    assert scores == [trial.value for trial in finished]
    assert max(scores) == max(record_of(trial).score for trial in finished)


def test_the_command_begins_a_study_and_joins_one(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ("--storage", postgres_url, "--workers", "0", "--data-dir", str(tmp_path))
    shared = (*shared, "--source", "sim")
    span = ("--start", "2022-01-01", "--end", "2022-04-01", "--windows", "2", "--skip-mc")
    words = ("optimize", "--coins", "BTC", *span, *shared, "--study-name", STUDY, "--trials", "4")
    assert main(words) == 0
    assert "Verdict: " in capsys.readouterr().out
    study = optuna.load_study(study_name=STUDY, storage=postgres_url)
    study.set_user_attr("gridtui:target", 7)
    study._storage._backend.engine.dispose()
    assert main(("optimize", "--join", STUDY, *shared)) == 0
    said = capsys.readouterr().out
    assert "4 trials known; up to 7 trials" in " ".join(said.split())
    assert "3 trials in" in said
    assert "Verdict: " not in said


def test_a_result_that_comes_after_the_trial_was_given_to_another_does_not_count(
    postgres_url: str,
) -> None:
    mine = job(postgres_url, 1, 0, joins=False)
    values = {each.name: each.low for each in mine.space.ranges}
    record = _record(mine)
    with closing(_opened(mine, postgres_url)) as one, closing(_opened(mine, postgres_url)) as two:
        asleep, awake = _ledger(one, mine, 1), _ledger(two, mine, 0)
        key = asleep.claim(values)
        assert key is not None
        [(again, told)] = _rescued(awake)
        assert told == values
        assert awake.finish(again, record, {}) is not None
        assert asleep.finish(key, record, {}) is None
        assert awake.complete()
        assert [trial.value for trial in finished(one.trials())] == [record.score]


def test_what_a_broken_off_search_left_open_is_not_wanted_any_more(postgres_url: str) -> None:
    mine = job(postgres_url, 5, 0, joins=False)
    values = {each.name: each.low for each in mine.space.ranges}
    with closing(_opened(mine, postgres_url)) as study:
        first = _ledger(study, mine, 100)
        key = first.claim(values)
        assert key is not None
        assert _ledger(study, mine, 5).target == 105, "somebody is still at it"
        first.give_up(key)
        assert _ledger(study, mine, 5).target == 5
        assert _ledger(study, mine, 0).target == 5


def test_a_database_that_drops_its_connections_is_asked_again(
    postgres_url: str, postgres_server: str
) -> None:
    mine = job(postgres_url, 2, 0, joins=False)
    values = {each.name: each.low for each in mine.space.ranges}
    with closing(_opened(mine, postgres_url)) as study:
        ledger = _ledger(study, mine, 2)
        assert ledger.claim(values) is not None
        psycopg = pytest.importorskip("psycopg")
        admin = postgres_server.replace("+psycopg", "") + "/postgres"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [postgres_url.rpartition("/")[2]],
            )
        assert ledger.claim(values) is not None


def test_joining_with_other_candles_is_refused(postgres_url: str) -> None:
    mine = job(postgres_url, 5, 0, joins=False)
    candles = mine.load()
    with closing(_opened(mine, postgres_url)):
        pass
    [first, *others] = candles.coins
    bars = first.bars._replace(volume=first.bars.volume * 1.001)
    changed = replace(candles, coins=(replace(first, bars=bars), *others))
    joined = job(postgres_url, 5, 0, joins=True)
    assert joined.identity(candles, joined.plan(candles)) == mine.identity(
        candles, mine.plan(candles)
    )
    with pytest.raises(ParameterError, match="the candles differ"):
        Study.opened(postgres_url, STUDY, joined.identity(changed, joined.plan(changed)), HEARTBEAT)


def test_a_study_that_nobody_has_begun_cannot_be_joined(postgres_url: str) -> None:
    with pytest.raises(ParameterError, match="there is no study together"):
        job(postgres_url, 5, 0, joins=True)


def test_joining_needs_a_database_that_machines_can_share(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="--join needs a database"):
        OptimizeJob.joining(SearchSettings(storage=str(tmp_path / "study.db")))


def test_of_several_that_want_the_last_trial_one_gets_it(postgres_url: str) -> None:
    mine = job(postgres_url, 1, 0, joins=False)
    with closing(_opened(mine, postgres_url)) as one, closing(_opened(mine, postgres_url)) as two:
        first = _ledger(one, mine, 1)
        second = _ledger(two, mine, 0)
        assert first.room()
        assert second.room()
        values = {each.name: each.low for each in mine.space.ranges}
        keys = [ledger.claim(values) for ledger in (first, second)]
        assert keys[0] is not None
        assert keys[1] is None
        assert len(one.optuna.get_trials()) == 1


def test_a_process_that_dies_before_its_first_sign_of_life_is_missed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = job(postgres_url, 2, 0, joins=False)
    values = {each.name: each.low for each in mine.space.ranges}
    with closing(_opened(mine, postgres_url)) as one, closing(_opened(mine, postgres_url)) as two:
        dead = _ledger(one, mine, 2)
        with monkeypatch.context() as patched:
            patched.setattr(one.storage, "record_heartbeat", lambda _: None)
            assert dead.claim(values) is not None
        alive = _ledger(two, mine, 0)
        assert [found for _, found in _rescued(alive)] == [values]


def test_a_trial_that_others_finish_while_a_machine_joins_is_heard_of(postgres_url: str) -> None:
    mine = job(postgres_url, 3, 0, joins=False)
    with closing(_opened(mine, postgres_url)) as one, closing(_opened(mine, postgres_url)) as two:
        record = _record(mine)
        known = one.trials()
        insert_trials(two.storage, two.id, [frozen_of(record, mine.space)])
        ledger = SharedLedger(one, mine.space, 3, known)
        assert ledger.target == 4
        assert [other.params for other in _heard(ledger)] == [record.params]


def test_a_report_counts_what_others_have_finished_up_to_its_end(postgres_url: str) -> None:
    mine = job(postgres_url, 2, 0, joins=False)
    others = 0

    def finish_another(event: object) -> None:
        nonlocal others
        if isinstance(event, SearchProgress) and event.done == event.wanted:
            with closing(_opened(mine, postgres_url)) as study:
                insert_trials(study.storage, study.id, [frozen_of(_record(mine), mine.space)])
            others += 1

    candles = mine.load()
    plan = mine.plan(candles)
    with mine.pool(candles, plan) as pool:
        result = mine.search(candles, plan, pool, finish_another)
    assert others
    assert len(result.trials) == 2 + others
    assert result.added == 2


def test_two_that_raise_the_target_at_once_are_both_heard(postgres_url: str) -> None:
    mine = job(postgres_url, 1, 0, joins=False)
    values = {each.name: each.low for each in mine.space.ranges}
    with ExitStack() as stack:
        studies = [stack.enter_context(closing(_opened(mine, postgres_url))) for _ in range(4)]
        assert _ledger(studies[0], mine, 1).claim(values) is not None
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda study: [_ledger(study, mine, 1) for _ in range(5)], studies))
        assert _ledger(studies[0], mine, 0).target == 21


def test_two_that_begin_another_search_by_one_name_are_told_apart(postgres_url: str) -> None:
    first = job(postgres_url, 1, 0, joins=False)
    candles = first.load()
    ours = first.identity(candles, first.plan(candles))
    names = [f"study {number}" for number in range(6)]

    def begin(identity: Identity) -> list[str]:
        told = []
        for name in names:
            try:
                Study.opened(postgres_url, name, identity, HEARTBEAT).close()
                told.append(name)
            except ParameterError as error:
                assert "cannot go on: " in str(error)  # noqa: PT017
        return told

    with ThreadPoolExecutor(2) as threads:
        opened = list(threads.map(begin, [ours, replace(ours, data="0" * 16)]))
    assert sorted(opened[0] + opened[1]) == names


def test_a_rescuer_that_dies_in_between_loses_no_parameters(postgres_url: str) -> None:
    mine = job(postgres_url, 1, 0, joins=False)
    values = {each.name: each.low for each in mine.space.ranges}
    dead: list[str] = []

    def die(connection: object, cursor: object, statement: str, *rest: object) -> None:  # noqa: ARG001
        if statement.startswith("INSERT INTO trials"):
            dead.append(statement)
            raise KeyboardInterrupt

    with closing(_opened(mine, postgres_url)) as one, closing(_opened(mine, postgres_url)) as two:
        assert _ledger(one, mine, 1).claim(values) is not None
        rescuer = _ledger(two, mine, 0)
        sqlalchemy.event.listen(two.storage.engine, "before_cursor_execute", die)
        with pytest.raises(KeyboardInterrupt):
            _rescued(rescuer)
        assert dead
        alive = [trial for trial in one.trials() if trial.state != TrialState.FAIL]
        assert [trial.params for trial in alive] == [values]
        assert [found for _, found in _rescued(_ledger(one, mine, 0))] == [values]


def test_a_study_begun_with_thresholds_far_from_the_usual_ones_can_be_joined(
    postgres_url: str,
) -> None:
    settings = job(postgres_url, 1, 0, joins=False).settings
    rows = {"resume_z_threshold": {"type": "float", "low": 0.0, "high": 1.0}}
    coins = {"coins": ["BTC"], "start_date": "2022-01-01", "end_date": "2022-06-01"}
    strategy = {"halt_z_threshold": -0.5, "resume_z_threshold": 0.5}
    mine = OptimizeJob.checked(strategy, coins, settings, space=rows, source="sim")
    with closing(_opened(mine, postgres_url)):
        joined = job(postgres_url, 1, 0, joins=True)
    assert joined.backtest.params.halt_z_threshold == -0.5


def _record(mine: OptimizeJob) -> TrialRecord:
    values = {each.name: each.low for each in mine.space.ranges}
    candles = mine.load()
    found = Evaluator(candles, mine.plan(candles), mine.backtest.params).trial(values)
    return record_from(values, found, ("score",))


def _ledger(study: Study, mine: OptimizeJob, add: int) -> SharedLedger:
    return SharedLedger(study, mine.space, add, study.trials())


def _heard(ledger: SharedLedger) -> list[TrialRecord]:
    """What the ledger hears of others within half a minute."""
    found: list[TrialRecord] = []
    until = time.monotonic() + 30
    while not found and time.monotonic() < until:
        found = ledger.tick()[0]
        time.sleep(0.1)
    return found


def _opened(mine: OptimizeJob, url: str) -> Study:
    candles = mine.load()
    return Study.opened(url, STUDY, mine.identity(candles, mine.plan(candles)), HEARTBEAT)


def _rescued(ledger: SharedLedger) -> list[tuple[int, dict[str, Number]]]:
    """What the ledger takes over from silent processes, within half a minute."""
    found: list[tuple[int, dict[str, Number]]] = []
    until = time.monotonic() + 30
    while not found and time.monotonic() < until:
        found = ledger.tick()[1]
        time.sleep(0.2)
    return found


def _machine(url: str, role: str, trials: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.optimize.shared_search", url, role, str(trials), "1"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def _hear(machine: "subprocess.Popen[str]", word: str) -> None:
    assert machine.stdout is not None
    assert machine.stdout.readline().startswith(word)


def _go(machine: "subprocess.Popen[str]") -> None:
    assert machine.stdin is not None
    machine.stdin.write("go\n")
    machine.stdin.flush()


def _trials(url: str) -> list[optuna.trial.FrozenTrial]:
    mine = job(url, 1, 0, joins=True)
    with closing(_opened(mine, url)) as study:
        return study.optuna.get_trials()
