"""What Optuna's tables take in one transaction: many trials, a trial for another, an attribute.

Optuna's own way asks the database twice for every parameter of every trial, about 15 ms a trial; a
batch costs about 1 ms a trial. The rows are the same, which a test compares with Optuna's. It has
no way at all to do two things of which either both happen or none.

The tables are no part of what Optuna promises, so the versions that it may have are pinned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState


def insert_trials(
    storage: RDBStorage,
    study_id: int,
    trials: Sequence[FrozenTrial],
    most: int | None = None,
    instead_of: int | None = None,
) -> list[tuple[int, int]]:
    """Write `trials` in their order; all of them or, if anything fails, none.

    `most`: only so many of them that the study has no more trials than that, failed ones aside.
    `instead_of`: id of a running trial, which has failed from then on; none is written if it does
    not run any more.

    Returns (trial id, number in the study) of each one written. Locks the study meanwhile, so that
    numbers are dense and unique however many processes write. Raises SQLAlchemyError.
    """
    places: list[tuple[int, int]] = []
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in _TABLES}
    with storage.engine.begin() as connection:
        _lock(connection, study_id)
        if instead_of is not None and not _failed(connection, instead_of):
            return []
        owner = models.TrialModel.study_id
        counted = sqlalchemy.select(sqlalchemy.func.count()).where(owner == study_id)
        first = connection.execute(counted).scalar_one()
        if most is not None:
            alive = counted.where(models.TrialModel.state != TrialState.FAIL)
            trials = trials[: max(0, most - connection.execute(alive).scalar_one())]
        for number, trial in enumerate(trials, first):
            head = sqlalchemy.insert(models.TrialModel).values(
                study_id=study_id,
                number=number,
                state=trial.state,
                datetime_start=_utc(trial.datetime_start),
                datetime_complete=_utc(trial.datetime_complete),
            )
            written = connection.execute(head.returning(models.TrialModel.trial_id))
            trial_id = written.scalar_one()
            places.append((trial_id, number))
            for table, row in _rows(trial):
                rows[table].append({"trial_id": trial_id, **row})
        for table, several in rows.items():
            if several:
                connection.execute(sqlalchemy.insert(table), several)
    return places


def silent_trials(storage: RDBStorage, study_id: int, grace: float) -> list[int]:
    """Ids of the running trials whose last sign of life is older than `grace` seconds, by the
    database's clock. Raises SQLAlchemyError."""
    trial, beat = models.TrialModel, models.TrialHeartbeatModel
    beats = (
        sqlalchemy.select(trial.trial_id, beat.heartbeat)
        .join(beat, beat.trial_id == trial.trial_id)
        .where(trial.study_id == study_id, trial.state == TrialState.RUNNING)
    )
    with storage.engine.connect() as connection:
        now = connection.execute(sqlalchemy.select(sqlalchemy.func.now())).scalar_one()
        due = now.replace(tzinfo=None) - timedelta(seconds=grace)
        return [key for key, last in connection.execute(beats) if last < due]


def revise(
    storage: RDBStorage,
    study_id: int,
    key: str,
    change: Callable[[Any, Mapping[TrialState, int]], Any],
) -> Any:
    """Set the study's attribute `key` to what `change` makes of what it is (None: it is not there)
    and of how many trials there are in each state; nobody else can write meanwhile.

    Returns the new value. Raises SQLAlchemyError, and what `change` raises: then nothing is set.
    """
    table, trial = models.StudyUserAttributeModel, models.TrialModel
    here = (table.study_id == study_id, table.key == key)
    counted = (
        sqlalchemy.select(trial.state, sqlalchemy.func.count().label("trials"))
        .where(trial.study_id == study_id)
        .group_by(trial.state)
    )
    with storage.engine.begin() as connection:
        _lock(connection, study_id)
        stored = connection.execute(sqlalchemy.select(table.value_json).where(*here)).scalar()
        states = {row.state: row.trials for row in connection.execute(counted)}
        value = change(None if stored is None else json.loads(stored), states)
        text = {"value_json": json.dumps(value)}
        if stored is None:
            row = {"study_id": study_id, "key": key, **text}
            connection.execute(sqlalchemy.insert(table).values(row))
        else:
            connection.execute(sqlalchemy.update(table).where(*here).values(text))
    return value


def _lock(connection: sqlalchemy.Connection, study_id: int) -> None:
    """The study is this transaction's until it ends."""
    study = models.StudyModel.study_id
    connection.execute(sqlalchemy.select(study).where(study == study_id).with_for_update())


def _failed(connection: sqlalchemy.Connection, trial_id: int) -> bool:
    """Whether the trial was still running, and has failed now."""
    trial = models.TrialModel
    done = (
        sqlalchemy.update(trial)
        .where(trial.trial_id == trial_id, trial.state == TrialState.RUNNING)
        .values(state=TrialState.FAIL, datetime_complete=_utc(datetime.now()))
    )
    return connection.execute(done).rowcount == 1


_TABLES = (
    models.TrialParamModel,
    models.TrialValueModel,
    models.TrialUserAttributeModel,
    models.TrialSystemAttributeModel,
)


def _utc(moment: datetime | None) -> datetime | None:
    """Optuna's trials have naive local times, its tables naive ones of UTC."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _rows(trial: FrozenTrial) -> list[tuple[Any, dict[str, Any]]]:
    """Every row of the other tables that belongs to the trial."""
    rows: list[tuple[Any, dict[str, Any]]] = []
    for name, value in trial.params.items():
        kind = trial.distributions[name]
        row = {
            "param_name": name,
            "param_value": kind.to_internal_repr(value),
            "distribution_json": distribution_to_json(kind),
        }
        rows.append((models.TrialParamModel, row))
    for objective, value in enumerate(trial.values or ()):
        stored, kind_of_value = models.TrialValueModel.value_to_stored_repr(value)
        row = {"objective": objective, "value": stored, "value_type": kind_of_value}
        rows.append((models.TrialValueModel, row))
    for table, attrs in (
        (models.TrialUserAttributeModel, trial.user_attrs),
        (models.TrialSystemAttributeModel, trial.system_attrs),
    ):
        rows += [(table, {"key": k, "value_json": json.dumps(v)}) for k, v in attrs.items()]
    return rows
