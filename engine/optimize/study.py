"""A study in its database: what it is about, its finished trials, and who may go on with it.

Trials of other candles, another space or other settings are never mixed: they would be compared by
scores that do not mean the same.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from engine import __version__
from engine.errors import ParameterError
from engine.optimize.batch import revise
from engine.optimize.records import Number, TrialRecord
from engine.optimize.settings import needs_extra, without_password
from engine.optimize.space import Space

IDENTITY = "gridtui"
_TABLES_LOCK = 0x6772_6964  # any number, as long as no other program takes it
_GENERATION = "NSGAIISampler:generation"  # which trials are parents; the others need no notes


@dataclass(frozen=True, slots=True)
class Identity:
    """What the scores of a study depend on, in plain values; `job` suffices to do it again.

    `data`: fingerprint of the candles; `space`: the rows of the space; `job`: coins, times, windows
    and the like; `base`: the parameters that are not searched; `goals`: what the sampler is told.
    """

    data: str
    space: Mapping[str, Any]
    job: Mapping[str, Any]
    base: Mapping[str, Any]
    goals: tuple[str, ...] = ("score",)
    version: str = __version__

    def plain(self) -> dict[str, Any]:
        """The record as it lies in the study, after a trip through JSON."""
        record = {name: getattr(self, name) for name in self.__slots__}
        plain: dict[str, Any] = json.loads(json.dumps(record))
        return plain

    def difference(self, stored: Mapping[str, Any]) -> str | None:
        """Why a study with the record `stored` is another one, in words; None: it is not."""
        own = self.plain()
        if stored["version"] != own["version"]:
            return f"it was made by gridtui {stored['version']}, this is {own['version']}"
        for name, title in (("job", ""), ("space", "search space, "), ("base", "")):
            for key in dict.fromkeys((*own[name], *stored[name])):
                then, now = stored[name].get(key), own[name].get(key)
                if then != now:
                    return f"{title}{key} was {_short(then)} and is now {_short(now)}"
        if stored["goals"] != own["goals"]:
            return f"its sampler is told {_short(stored['goals'])}, not {_short(own['goals'])}"
        if stored["data"] != own["data"]:
            return f"the candles differ (fingerprint {stored['data']}, now {own['data']})"
        return None


class Study:
    """One study of a database. `Study.opened` creates it or goes on with it.

    An SQLite file is this process's own until `close`: two processes would number their trials
    alike.
    """

    def __init__(
        self, study: optuna.Study, storage: RDBStorage, url: str, lock: TextIO | None
    ) -> None:
        self._lock = lock
        self.optuna = study
        self.storage = storage
        self.id = storage.get_study_id_from_name(study.study_name)
        self.url = url
        self.name = study.study_name

    @classmethod
    def opened(
        cls, url: str, name: str, identity: Identity, heartbeat: tuple[int, int] | None = None
    ) -> Study:
        """The study `name`, new or as it was left; `heartbeat`: (interval, grace), s.

        Raises ParameterError: the database cannot be used, or the study is about something else.
        """
        lock = _locked(url)
        storage = None
        try:
            storage = _storage(url, heartbeat)
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=directions(identity.goals),
                load_if_exists=True,
            )
            opened = cls(study, storage, url, lock)
            opened.revise(IDENTITY, lambda stored, trials: opened._agreed(identity, stored, trials))
        except BaseException as error:
            _released(storage, lock)
            if isinstance(error, SQLAlchemyError | StorageInternalError):
                raise unusable(url, error) from None
            raise
        return opened

    def trials(self) -> list[FrozenTrial]:
        """Every trial as Optuna has it, by number, those that run or have failed included.

        Raises ParameterError: the database cannot be used.
        """
        try:
            return self.optuna.get_trials(deepcopy=False)
        except (SQLAlchemyError, StorageInternalError) as error:
            raise unusable(self.url, error) from None

    def records(self) -> list[TrialRecord]:
        """Every finished trial, by number; errors as in `trials` and `record_of`."""
        return [record_of(trial) for trial in finished(self.trials())]

    def revise(self, key: str, change: Callable[[Any, Mapping[TrialState, int]], Any]) -> Any:
        """Set an attribute of the study, see `engine.optimize.batch.revise`; the new value.

        Raises ParameterError: the database cannot be used.
        """
        try:
            return revise(self.storage, self.id, key, change)
        except SQLAlchemyError as error:
            raise unusable(self.url, error) from None

    def _agreed(
        self, identity: Identity, stored: Any, trials: Mapping[TrialState, int]
    ) -> dict[str, Any]:
        """What the study is about, if that is what `identity` says, or nothing so far."""
        if stored is None and trials:
            raise refused(self.name, self.url, "it holds trials that gridtui did not write")
        if stored is not None and (reason := identity.difference(stored)) is not None:
            raise refused(self.name, self.url, reason)
        return identity.plain()

    def close(self) -> None:
        """Give the database's connections back."""
        _released(self.storage, self._lock)


def stored_identity(url: str, name: str) -> dict[str, Any] | None:
    """What the study `name` is about (see `Identity.plain`); None if there is no such study.

    Raises ParameterError: the database cannot be used.
    """
    if url.startswith("sqlite:///") and not _path(url).exists():
        _require_place(url)
        return None
    try:
        engine = sqlalchemy.create_engine(url, connect_args=_patience(url))
    except ImportError:
        raise needs_extra() from None
    try:
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("study_user_attributes"):
                return None
            text = connection.execute(_STORED, {"name": name, "key": IDENTITY}).scalar()
    except SQLAlchemyError as error:
        raise unusable(url, error) from None
    finally:
        engine.dispose()
    stored: dict[str, Any] | None = None if text is None else json.loads(text)
    return stored


def _require_place(url: str) -> None:
    """That a new SQLite file can be made, known before anything long is begun."""
    folder = _path(url).absolute().parent
    if not folder.is_dir():
        raise ParameterError(f"cannot use the database {url}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ParameterError(f"cannot use the database {url}: {folder} cannot be written to")


_STORED = sqlalchemy.text(
    "SELECT a.value_json FROM study_user_attributes a JOIN studies s ON s.study_id = a.study_id "
    "WHERE s.study_name = :name AND a.key = :key"
)


def finished(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Those of the trials that have a result."""
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]


def impossible(values: Mapping[str, Number], space: Space, reason: str) -> FrozenTrial:
    """A trial that was not run, as Optuna stores one that has failed; `reason`: why it cannot."""
    return optuna.trial.create_trial(
        state=TrialState.FAIL,
        params=dict(values),
        distributions=space.distributions,
        user_attrs={"impossible": reason},
    )


def frozen_of(
    record: TrialRecord, space: Space, system_attrs: Mapping[str, Any] | None = None
) -> FrozenTrial:
    """The finished trial as Optuna stores it, with the sampler's own notes on it."""
    returns = record.returns.astype("<f4").tobytes()
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE,
        values=list(record.values),
        params=dict(record.params),
        distributions=space.distributions,
        user_attrs={
            "score": record.score,
            "train_scores": [list(row) for row in record.train_scores],
            "test_scores": [list(row) for row in record.test_scores],
            "returns": base64.b64encode(returns).decode(),
            "seconds": record.seconds,
        },
        system_attrs={
            name: value for name, value in (system_attrs or {}).items() if name == _GENERATION
        },
    )


def record_of(trial: FrozenTrial) -> TrialRecord:
    """The record that `frozen_of` stored.

    Raises ParameterError: it was not written by it.
    """
    attrs = trial.user_attrs
    try:
        returns = np.frombuffer(base64.b64decode(attrs["returns"]), "<f4").astype(np.float64)
        return TrialRecord(
            trial.number,
            trial.params,
            attrs["score"],
            tuple(tuple(row) for row in attrs["train_scores"]),
            tuple(tuple(row) for row in attrs["test_scores"]),
            tuple(trial.values),
            returns,
            attrs["seconds"],
        )
    except (KeyError, TypeError, ValueError):
        raise ParameterError(
            f"trial {trial.number} of the study was not written by gridtui: choose another "
            "--study-name"
        ) from None


def directions(goals: Sequence[str]) -> list[StudyDirection]:
    """The first goal is to be high, what follows it low."""
    return [StudyDirection.MAXIMIZE, *(StudyDirection.MINIMIZE for _ in goals[1:])]


def quiet() -> None:
    """Optuna's log lines would run through the report and the screens."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _storage(url: str, heartbeat: tuple[int, int] | None) -> RDBStorage:
    quiet()
    try:
        with _alone(url), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats
            return RDBStorage(
                url,
                engine_kwargs={"connect_args": _patience(url), "pool_pre_ping": True},
                heartbeat_interval=heartbeat[0] if heartbeat else None,
                grace_period=heartbeat[1] if heartbeat else None,
            )
    except ImportError:
        raise needs_extra() from None
    except (SQLAlchemyError, RuntimeError) as error:
        raise unusable(url, error) from None


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """Two that make the tables of a new database at once would be in each other's way; a file is
    locked already."""
    if url.startswith("sqlite"):
        yield
        return
    engine = sqlalchemy.create_engine(url, connect_args=_patience(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_xact_lock({_TABLES_LOCK})"))
        yield


def _patience(url: str) -> dict[str, int]:
    """Seconds until a database that does not answer counts as unusable."""
    return {"timeout": 60} if url.startswith("sqlite") else {"connect_timeout": 10}


def _released(storage: RDBStorage | None, lock: TextIO | None) -> None:
    if storage is not None:
        storage.scoped_session.remove()
        storage.engine.dispose()
    if lock is not None:
        lock.close()


def _path(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


def _locked(url: str) -> TextIO | None:
    """The open and locked file of an SQLite URL, made if it is not there; its lock has nothing to
    do with SQLite's own."""
    if not url.startswith("sqlite"):
        return None
    try:
        file = _path(url).open("a")
    except OSError as error:
        raise unusable(url, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ParameterError(
            f"another search works on {_path(url)}: wait for it, give another --storage, or use "
            "PostgreSQL for several at once"
        ) from None
    return file


def unusable(url: str, error: Exception) -> ParameterError:
    """One line about a database that does not do what it is asked."""
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.strerror:
        return ParameterError(f"cannot use the database {without_password(url)}: {cause.strerror}")
    said = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    reason = said[0].strip("'") if said else repr(error)
    return ParameterError(f"cannot use the database {without_password(url)}: {reason}")


def refused(name: str, url: str, reason: str) -> ParameterError:
    """One line about a study that is another one."""
    where = url.removeprefix("sqlite:///") if url.startswith("sqlite") else without_password(url)
    return ParameterError(
        f"study {name} in {where} cannot go on: {reason}; choose another --study-name, or ask for "
        "what it was begun with"
    )


def _short(value: Any) -> str:
    if value is None:
        return "missing"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
