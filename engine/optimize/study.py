"""A study in its database: what it is about, its finished trials, and who may go on with it.

Trials of other candles, another space or other settings are never mixed: they would be compared by
scores that do not mean the same.
"""

from __future__ import annotations

import base64
import fcntl
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from engine import __version__
from engine.errors import ParameterError
from engine.optimize.records import TrialRecord
from engine.optimize.settings import without_password
from engine.optimize.space import Space

IDENTITY = "gridtui"
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
        self.lost: list[FrozenTrial] = []  # trials of silent processes that this one has failed
        storage.heartbeat_stale_trial_callback = lambda _, trial: self.lost.append(trial)
        self.url = url
        self.name = study.study_name

    @classmethod
    def opened(
        cls, url: str, name: str, identity: Identity, heartbeat: tuple[int, int] | None = None
    ) -> Study:
        """The study `name`, new or as it was left; `heartbeat`: (interval, grace), s.

        Raises ParameterError: the database cannot be used, or the study is about something else.
        """
        storage = _storage(url, heartbeat)
        lock = None
        try:
            lock = _locked(url)
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=directions(identity.goals),
                load_if_exists=True,
            )
            stored = study.user_attrs.get(IDENTITY)
            if stored is None:
                if study.get_trials(deepcopy=False):
                    raise _refused(name, url, "it holds trials that gridtui did not write")
                study.set_user_attr(IDENTITY, identity.plain())
            elif (reason := identity.difference(stored)) is not None:
                raise _refused(name, url, reason)
        except BaseException as error:
            _released(storage, lock)
            if isinstance(error, SQLAlchemyError | StorageInternalError):
                raise unusable(url, error) from None
            raise
        return cls(study, storage, url, lock)

    def records(self) -> list[TrialRecord]:
        """Every finished trial, by number."""
        return [record_of(trial) for trial in self.finished()]

    def finished(self) -> list[FrozenTrial]:
        """The same, as Optuna has them."""
        return self.optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def close(self) -> None:
        """Give the database's connections back."""
        _released(self.storage, self._lock)


def stored_identity(url: str, name: str) -> dict[str, Any] | None:
    """What the study `name` is about (see `Identity.plain`); None if there is no such study.

    Raises ParameterError: the database cannot be used.
    """
    if url.startswith("sqlite:///") and not _path(url).exists():
        return None
    storage = _storage(url, None)
    try:
        attrs = storage.get_study_user_attrs(storage.get_study_id_from_name(name))
    except KeyError:
        return None
    except (SQLAlchemyError, StorageInternalError) as error:
        raise unusable(url, error) from None
    finally:
        _released(storage, None)
    stored: dict[str, Any] | None = attrs.get(IDENTITY)
    return stored


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
    connect = {"timeout": 60} if url.startswith("sqlite") else {"connect_timeout": 10}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats
        try:
            return RDBStorage(
                url,
                engine_kwargs={"connect_args": connect, "pool_pre_ping": True},
                heartbeat_interval=heartbeat[0] if heartbeat else None,
                grace_period=heartbeat[1] if heartbeat else None,
            )
        except ImportError:
            raise ParameterError(
                "PostgreSQL needs the extra `postgres`: pip install 'gridtui[postgres]'"
            ) from None
        except (SQLAlchemyError, RuntimeError) as error:
            raise unusable(url, error) from None


def _released(storage: RDBStorage, lock: TextIO | None) -> None:
    storage.scoped_session.remove()
    storage.engine.dispose()
    if lock is not None:
        lock.close()


def _path(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


def _locked(url: str) -> TextIO | None:
    """The open and locked file of an SQLite URL; its lock has nothing to do with SQLite's own."""
    if not url.startswith("sqlite"):
        return None
    file = _path(url).open()
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
    said = str(getattr(cause, "orig", None) or cause).strip().splitlines()
    reason = said[0].strip("'") if said else repr(error)
    return ParameterError(f"cannot use the database {without_password(url)}: {reason}")


def _refused(name: str, url: str, reason: str) -> ParameterError:
    where = url.removeprefix("sqlite:///") if url.startswith("sqlite") else without_password(url)
    return ParameterError(
        f"study {name} in {where} cannot go on: {reason}; choose another --study-name, or ask for "
        "what it was begun with"
    )


def _short(value: Any) -> str:
    if value is None:
        return "missing"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
