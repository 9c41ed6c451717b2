"""Studies read from their database while a search writes into it: few rows at a time, no lock kept.

Optuna's own reading fetches every trial anew; here each finished trial is read once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from engine.errors import ParameterError
from engine.optimize.records import Number, Scores
from engine.optimize.settings import needs_extra, without_password

CHUNK = 2_000
MOST_STUDIES = 200
_IDENTITY = "gridtui"
_PATIENCE_S = 3
_NO_TABLE = "42P01"
"""PostgreSQL's code, the same in every language of its messages."""


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """One study of a database. `identity`: as of `engine.optimize.study.Identity.plain`, None for
    a study that gridtui did not write; `best`: the highest score; `last_ms`: of its last trial."""

    name: str
    trials: int
    best: float | None
    last_ms: int | None
    identity: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TrialEntry:
    """A trial as it is shown; scores are None and empty unless it is done.

    `state`: `done`, `runs`, `lost`, `impossible` (drawn, but its parameters do not go together);
    `values`: of the parameters, in the order of the space.
    """

    number: int
    state: str
    score: float | None
    test: float | None
    values: tuple[Number, ...]
    train_scores: Scores = ()
    test_scores: Scores = ()


class Browser:
    """A database that is only read. Use it as a context manager.

    Raises ParameterError, also from every method: the database cannot be read.
    """

    def __init__(self, url: str) -> None:
        """`url`: as of `SearchSettings.url`. A server has `_PATIENCE_S` seconds to answer."""
        self._url = url
        waits = {} if url.startswith("sqlite") else {"connect_timeout": _PATIENCE_S}
        try:
            self._engine = sqlalchemy.create_engine(
                _read_only(url), connect_args=waits, poolclass=NullPool
            )
        except ImportError:
            raise needs_extra() from None
        except (SQLAlchemyError, ValueError):
            shown = without_password(url)
            raise ParameterError(f"'{shown}' is no address of a database") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.dispose()

    @property
    def exists(self) -> bool:
        """Whether there is a file; that of a server is known once it is asked."""
        return not self._url.startswith("sqlite") or _path(self._url).exists()

    def studies(self) -> tuple[StudyEntry, ...]:
        """Every study, the one with the newest trial first."""
        if not self.exists:
            return ()
        identities = {
            row.study_id: _loaded(row.value_json)
            for row in self._rows(_IDENTITIES, key=_IDENTITY, most=MOST_STUDIES)
        }
        entries = []
        for row in self._rows(_STUDIES, most=MOST_STUDIES):
            identity = identities.get(row.study_id)
            best = row.best
            if identity and len(identity["goals"]) > 1:  # it is told of growth, not of the score
                [scored] = self._rows(_BEST_SCORE, study=row.study_id)
                best = scored.best
            last = _ms(row.last)
            entries.append(StudyEntry(row.study_name, int(row.trials or 0), best, last, identity))
        return tuple(sorted(entries, key=lambda one: one.last_ms or 0, reverse=True))

    def trials(
        self, study: str, names: tuple[str, ...], whole: frozenset[str], after: int
    ) -> tuple[list[TrialEntry], int]:
        """(trials, the place to go on from): those behind the place `after`, `CHUNK` at most.

        The place stays before the first trial that still runs, so that it is read again. `names`:
        the parameters wanted; `whole`: those that are whole numbers.
        """
        heads = self._rows(_TRIALS, study=study, after=after, most=CHUNK) if self.exists else []
        if not heads:
            return [], after
        span = {"study": heads[0].study_id, "first": heads[0].trial_id, "last": heads[-1].trial_id}
        attrs: dict[int, dict[str, Any]] = {}
        for row in self._rows(_ATTRS, **span):
            attrs.setdefault(row.trial_id, {})[row.key] = _loaded(row.value_json)
        params: dict[int, dict[str, float]] = {}
        for row in self._rows(_PARAMS, **span):
            params.setdefault(row.trial_id, {})[row.param_name] = row.param_value
        found, place, open_before = [], after, False
        for head in heads:
            open_before |= head.state in ("RUNNING", "WAITING")
            place = place if open_before else head.trial_id
            own = params.get(head.trial_id, {})
            if all(name in own for name in names):
                values = tuple(int(own[n]) if n in whole else own[n] for n in names)
                found.append(_entry(head, values, attrs.get(head.trial_id, {})))
        return found, place

    def _rows(self, statement: str, **values: Any) -> list[Any]:
        try:
            with self._engine.connect() as connection:
                return list(connection.execute(sqlalchemy.text(statement), values))
        except SQLAlchemyError as error:
            told = getattr(error, "orig", None)
            said = str(told or error).strip().splitlines()
            if "no such table" in said[0] or getattr(told, "sqlstate", "") == _NO_TABLE:
                return []  # empty so far, or made this very moment
            shown = without_password(self._url).removeprefix("sqlite:///")
            raise ParameterError(f"cannot read the database {shown}: {said[0]}") from None


def _entry(head: Any, values: tuple[Number, ...], attrs: Mapping[str, Any]) -> TrialEntry:
    if head.state != "COMPLETE" or "score" not in attrs:
        state = "runs" if head.state in ("RUNNING", "WAITING") else "lost"
        if "impossible" in attrs:
            state = "impossible"
        return TrialEntry(head.number, state, None, None, values)
    train, test = (
        tuple(tuple(row) for row in attrs[name]) for name in ("train_scores", "test_scores")
    )
    unseen = min(row[-1] for row in test)  # later windows train on the other tests
    return TrialEntry(head.number, "done", attrs["score"], unseen, values, train, test)


def _read_only(url: str) -> str:
    """SQLite makes a file that is not there, unless it is told to read alone."""
    if not url.startswith("sqlite"):
        return url
    return f"sqlite:///file:{quote(str(_path(url).absolute()))}?mode=ro&uri=true"


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///").partition("?")[0])


def _loaded(text: str) -> Any:
    with suppress(ValueError):
        return json.loads(text)
    return None


def _ms(moment: Any) -> int | None:
    """SQLite gives text, PostgreSQL a time; both are naive UTC."""
    if moment is None:
        return None
    time = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return int(time.replace(tzinfo=UTC).timestamp() * 1000)


_STUDIES = """
    SELECT s.study_id, s.study_name, MAX(t.datetime_complete) AS last,
        SUM(CASE WHEN t.state = 'COMPLETE' THEN 1 ELSE 0 END) AS trials,
        MAX(CASE WHEN t.state = 'COMPLETE' THEN v.value END) AS best
    FROM studies s
    LEFT JOIN trials t ON t.study_id = s.study_id
    LEFT JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0
    GROUP BY s.study_id, s.study_name ORDER BY s.study_id DESC LIMIT :most
"""
_IDENTITIES = """
    SELECT study_id, value_json FROM study_user_attributes
    WHERE key = :key ORDER BY study_id DESC LIMIT :most
"""
_BEST_SCORE = """
    SELECT MAX(CAST(a.value_json AS FLOAT)) AS best FROM trials t
    JOIN trial_user_attributes a ON a.trial_id = t.trial_id AND a.key = 'score'
    WHERE t.study_id = :study AND t.state = 'COMPLETE'
"""
_TRIALS = """
    SELECT t.study_id, t.trial_id, t.number, t.state FROM trials t
    JOIN studies s ON s.study_id = t.study_id
    WHERE s.study_name = :study AND t.trial_id > :after ORDER BY t.trial_id LIMIT :most
"""
_OWN = """
    JOIN trials t ON t.trial_id = x.trial_id
    WHERE t.study_id = :study AND t.trial_id BETWEEN :first AND :last
"""
_ATTRS = (
    "SELECT x.trial_id, x.key, x.value_json FROM trial_user_attributes x"
    + _OWN
    + "AND x.key IN ('score', 'train_scores', 'test_scores', 'impossible')"
)
_PARAMS = "SELECT x.trial_id, x.param_name, x.param_value FROM trial_params x" + _OWN
