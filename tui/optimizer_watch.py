"""Reading studies, notices and reports, in a thread: each call of `read` gives a whole snapshot.

numpy, SQLAlchemy and Optuna are imported here when they are first needed: a second that nobody
waits for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from tui.last_lines import last_lines
from tui.optimizer_order import LOG_FILE
from tui.optimizer_store import (
    ParameterLine,
    Snapshot,
    StudyKey,
    StudyRow,
    StudyView,
    state_of,
)

if TYPE_CHECKING:
    from engine.optimize.browse import StudyEntry, TrialEntry
    from engine.optimize.notice import Posted
    from engine.optimize.reports import RefitReport, Report
    from engine.optimize.space import Space
    from engine.params import StrategyParams

MOST_TRIALS = 20_000
_MOST_WEIGHED = 2_000
"""Trials of which the importance of parameters is computed while the search goes on."""
_CHUNKS = 5
_HIDDEN = ":***@"
"""What a password became where it is shown."""
_LIST_S, _RETRY_S, _WEIGH_S = 3.0, 10.0, 10.0
"""Seconds until studies are listed again, an unreadable database is tried again, and importance is
computed again."""
_LOG_LINES = 200


@dataclass(slots=True)
class _Known:
    """What was read of one study."""

    place: int = 0
    trials: dict[int, TrialEntry] = field(default_factory=dict)
    hidden: int = 0
    importance: Mapping[str, float] = field(default_factory=dict)
    weighed: int = 0
    weighed_at: float = 0.0


class Watch:
    """One reader of one data folder, used by one thread at a time."""

    def __init__(self, data_dir: Path) -> None:
        from engine.optimize.reports import Reports

        self._data_dir = data_dir
        self._reports = Reports(data_dir)
        self._entries: dict[str, tuple[StudyEntry, ...]] = {}
        self._complaints: dict[str, str] = {}
        self._due: dict[str, float] = {}
        self._known: dict[StudyKey, _Known] = {}

    def read(self, url: str, storage: str, chosen: StudyKey | None) -> Snapshot:
        """Everything as it is now.

        `url`: the database that the form names, `storage` the same as it may be shown; `chosen`:
        the study to read whole (None, or one that is gone: the first).
        """
        from engine.errors import ParameterError
        from engine.optimize.notice import posted

        notices = {_key_of(one): one for one in reversed(posted(self._data_dir))}
        urls = {storage: url}
        for key in notices:
            if _HIDDEN not in key.storage:  # a server without a password may be asked, too
                known = key.storage if "://" in key.storage else f"sqlite:///{key.storage}"
                urls.setdefault(key.storage, known)
        for key, one in notices.items():
            listed = {entry.name for entry in self._entries.get(key.storage, ())}
            begun = any(name == key.name or name.startswith(f"{key.name}.") for name in listed)
            if one.at_work and not begun and not self._complaints.get(key.storage):
                self._due[key.storage] = 0.0  # it begins: its trials are not waited for
        for place, known in urls.items():
            self._list(place, known)
        complaint = self._complaints.get(storage, "")
        reports, refits = self._reports.newest_first(), self._reports.refits()
        rows = self._rows(notices, storage, reports)
        row = next((one for one in rows if one.key == chosen), rows[0] if rows else None)
        view = None
        if row is not None:
            for other in [key for key in self._known if key != row.key]:
                del self._known[other]
            try:
                view = self._view(row, urls.get(row.key.storage), reports, refits)
            except ParameterError as error:  # it was there a moment ago
                complaint = complaint or str(error)
        return Snapshot(rows, view, complaint)

    def _list(self, storage: str, url: str) -> None:
        """Which studies a database has, and what is wrong with it, if it is time to look."""
        from engine.errors import ParameterError
        from engine.optimize.browse import Browser  # SQLAlchemy: 0.2 s

        if monotonic() < self._due.get(storage, 0.0):
            return
        try:
            with Browser(url) as browser:
                self._entries[storage], self._complaints[storage] = browser.studies(), ""
        except ParameterError as error:
            self._entries[storage], self._complaints[storage] = (), str(error)
        pause = _RETRY_S if self._complaints[storage] else _LIST_S
        self._due[storage] = monotonic() + pause

    def _rows(
        self, notices: Mapping[StudyKey, Posted], storage: str, reports: tuple[Report, ...]
    ) -> tuple[StudyRow, ...]:
        """Those of the form's database and those that have a notice, the newest first."""
        entries = {
            StudyKey(entry.name, place): entry
            for place, several in self._entries.items()
            for entry in several
        }
        keys = [key for key in entries if key.storage == storage or key in notices]
        rows = []
        for key in dict.fromkeys((*notices, *keys)):
            entry, notice = entries.get(key), notices.get(key)
            trials = max(
                entry.trials if entry else _trials_of_windows(key, entries),
                notice.notice.done if notice and not notice.notice.part else 0,
            )
            identity = entry.identity if entry else None
            report = _report_about(key, identity, notice, reports)
            told_ms = notice.notice.told_ms if notice else 0
            row = StudyRow(
                key,
                state_of(notice),
                trials,
                entry.best if entry else None,
                max(told_ms, (entry.last_ms or 0) if entry else 0),
                notice,
                identity,
                report.word if report else "",
                report.trials if report else 0,
            )
            if row.state in ("stopped", "killed") and row.concluded:
                row = replace(row, state="finished")
            rows.append(row)
        rows.sort(key=lambda row: (row.at_work, row.last_ms), reverse=True)
        return tuple(rows)

    def _view(
        self,
        row: StudyRow,
        url: str | None,
        reports: tuple[Report, ...],
        refits: tuple[RefitReport, ...],
    ) -> StudyView:
        import numpy as np

        from engine.optimize.robust import interpretation, used_of

        known = self._known.setdefault(row.key, _Known())
        space = _space_of(row.identity)
        names = space.names if space else ()
        if space is not None and url is not None:
            self._read_trials(known, row.key.name, url, space)
        trials = tuple(known.trials[number] for number in sorted(known.trials))
        done = [trial for trial in trials if trial.score is not None]
        scores = np.array([trial.score for trial in done], np.float64)
        report = _report_about(row.key, row.identity, row.posted, reports)
        base = _base_of(row.identity, space)
        parameters, robustness = _parameters(known, space, base, done, report)
        best = max(done, key=lambda one: (one.score, -one.number), default=None)
        log = last_lines(row.posted.folder / LOG_FILE, _LOG_LINES) if row.posted else []
        return StudyView(
            row=row,
            names=names,
            trials=trials,
            hidden=known.hidden,
            numbers=np.array([trial.number for trial in done], np.int64),
            scores=scores,
            best_so_far=np.maximum.accumulate(scores) if len(scores) else scores,
            best=best,
            parameters=parameters,
            robustness=robustness,
            report=report,
            windows=_windows(row.identity, space, base, report),
            log=tuple(log),
            interpretation=interpretation(robustness, used_of(len(done))),
            refit=_refit_about(row, refits),
            unread=self._unread(row.key.storage, url),
        )

    def _unread(self, storage: str, url: str | None) -> str:
        """Why a database is not read; "" where it is."""
        if url is None:
            return f"its trials lie in {storage}, which the form's storage must name"
        return self._complaints.get(storage, "")

    def _read_trials(self, known: _Known, study: str, url: str, space: Space) -> None:
        from engine.optimize.browse import CHUNK, Browser

        whole = frozenset(each.name for each in space.ranges if each.kind == "int")
        with Browser(url) as browser:
            for _ in range(_CHUNKS):
                fresh, place = browser.trials(study, space.names, whole, known.place)
                known.trials.update((trial.number, trial) for trial in fresh)
                more, known.place = place > known.place and len(fresh) >= CHUNK, place
                if not more:
                    break
        while len(known.trials) > MOST_TRIALS:  # the oldest go, the best one stays
            best = max(known.trials.values(), key=lambda one: one.score or -float("inf"))
            for number in sorted(known.trials)[: len(known.trials) - MOST_TRIALS + 1]:
                if number != best.number:
                    del known.trials[number]
                    known.hidden += 1


def _parameters(
    known: _Known,
    space: Space | None,
    base: StrategyParams | None,
    done: list[TrialEntry],
    report: Report | None,
) -> tuple[tuple[ParameterLine, ...], float | None]:
    """(the most important first, robustness score): of the report, else of the trials so far."""
    from engine.optimize.robust import robust_cluster
    from engine.params import STRATEGY_PARAMS

    if space is None or not done:
        return (), None
    fresh = report is not None and report.trials >= len(done)
    importance: Mapping[str, float]
    if report is not None and fresh:
        values, stability = report.params, report.stability
        importance, robustness = report.importance, report.robustness
    else:
        params = [dict(zip(space.names, one.values, strict=True)) for one in done]
        scores = [float(one.score or 0.0) for one in done]
        cluster = robust_cluster(space, params, scores, base)
        values, robustness = cluster.params, cluster.score
        stability = {name: (one.cv, one.label) for name, one in cluster.stability.items()}
        importance = _weighed(known, space, params, done)
    names = sorted(space.names, key=lambda name: -importance.get(name, 0.0))
    lines = []
    for name in names:
        cv, label = stability.get(name, (None, ""))
        default, weight = float(STRATEGY_PARAMS[name]), importance.get(name)
        lines.append(ParameterLine(name, values[name], default, cv, label, weight))
    return tuple(lines), robustness


def _weighed(
    known: _Known, space: Space, params: list[dict[str, Any]], done: list[TrialEntry]
) -> Mapping[str, float]:
    """The importance so far, computed anew now and then."""
    from engine.optimize.robust import parameter_importance

    due = len(done) != known.weighed and monotonic() - known.weighed_at > _WEIGH_S
    if due and len(done) <= _MOST_WEIGHED:
        scores = [float(one.score or 0.0) for one in done]
        known.importance = parameter_importance(space, params, scores)
        known.weighed, known.weighed_at = len(done), monotonic()
    return known.importance


def _report_about(
    key: StudyKey,
    identity: Mapping[str, Any] | None,
    notice: Posted | None,
    reports: tuple[Report, ...],
) -> Report | None:
    """The newest report on the study; two studies of one name differ in coins or start.

    Where its database cannot be read, what it was asked for says which they are.
    """
    if identity is not None:
        about = tuple(identity["job"]["coins"]), str(identity["job"]["start"])
    elif notice is not None and notice.notice.stage == "finished":
        about = _asked_about(notice)
    else:
        return None
    found = (one for one in reports if (one.study, one.coins, one.start) == (key.name, *about))
    return next(found, None)


def _refit_about(row: StudyRow, refits: tuple[RefitReport, ...]) -> RefitReport | None:
    if row.posted is None or not row.is_refit:
        return None
    about = (row.key.name, *_asked_about(row.posted))
    return next((one for one in refits if (one.study, one.coins, one.start) == about), None)


def _asked_about(notice: Posted) -> tuple[tuple[str, ...], str]:
    """(pairs, first moment) as reports have them."""
    from exchange.span import moment_ms, moment_text
    from exchange.symbol import Symbol

    order = notice.notice.order
    pairs = tuple(Symbol.parse(coin).pair for coin in order.coins)
    return pairs, moment_text(moment_ms(order.start))


def _trials_of_windows(key: StudyKey, entries: Mapping[StudyKey, StudyEntry]) -> int:
    """Of a refit, whose windows have a study each."""
    own = (
        entry.trials
        for other, entry in entries.items()
        if other.storage == key.storage and other.name.startswith(f"{key.name}.window")
    )
    return sum(own)


def _space_of(identity: Mapping[str, Any] | None) -> Space | None:
    from engine.errors import ParameterError
    from engine.optimize.space import Space

    if identity is None:
        return None
    try:
        return Space.checked(identity["space"])
    except ParameterError:  # of another version
        return None


def _base_of(identity: Mapping[str, Any] | None, space: Space | None) -> StrategyParams | None:
    """The parameters that are not searched, with any that go with them for those that are."""
    from engine.errors import ParameterError
    from engine.params import StrategyParams

    if identity is None or space is None:
        return None
    try:
        return StrategyParams.checked(
            {**identity["base"], **{each.name: each.low for each in space.ranges}}
        )
    except ParameterError:  # of another version
        return None


def _windows(
    identity: Mapping[str, Any] | None,
    space: Space | None,
    base: StrategyParams | None,
    report: Report | None,
) -> tuple[tuple[int, int, int], ...]:
    """As the report has them, else with the purged gap that the search leaves before each test."""
    from exchange.span import moment_ms
    from exchange.timeframe import timeframe_ms

    if identity is None:
        return ()
    job = identity["job"]
    first, step = job["first_ms"], timeframe_ms(job["timeframe"])
    if report is not None and len(report.tests) == len(job["cuts"]):
        tests = [[moment_ms(each.removesuffix(" UTC")) for each in pair] for pair in report.tests]
        return tuple((first, start, end) for start, end in tests)
    gap = 0
    if space is not None and base is not None:
        import numpy as np

        from engine.optimize.walkforward import lookback

        gap, _ = lookback(space, base, [np.zeros(1, np.int64)], step)
    return tuple(
        (first, first + (train + gap) * step, first + test * step) for train, test in job["cuts"]
    )


def _key_of(one: Posted) -> StudyKey:
    return StudyKey(one.notice.order.study, one.notice.order.storage)
