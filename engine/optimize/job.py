"""One search as a person orders it: checked settings in, a study with its trials out.

job = OptimizeJob.checked({}, {"coins": ["BTC"]}, SearchSettings(trials=50), source="sim")
result, conclusion = job.run(on_event=print)
conclusion.verdict.sentence
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ParameterError
from engine.job import BacktestJob
from engine.optimize.control import go_on_unless_stopped
from engine.optimize.resumed import in_order, require_same, stored_study
from engine.optimize.settings import SearchSettings, without_password
from engine.optimize.space import Space
from engine.wording import plural
from exchange.span import moment_text

if TYPE_CHECKING:
    from engine.events import SearchEvent
    from engine.optimize.candles import Candles
    from engine.optimize.conclusion import Conclusion
    from engine.optimize.control import SearchControl
    from engine.optimize.records import Plan, SearchResult
    from engine.optimize.search import Found
    from engine.optimize.study import Identity
    from engine.optimize.workers import Pool

Tell = Callable[["SearchEvent"], None]


@dataclass(frozen=True, slots=True)
class OptimizeJob:
    """What is searched, on what, and how. Build it with `checked` or `joining`."""

    backtest: BacktestJob
    space: Space
    settings: SearchSettings
    joins: bool = False

    @classmethod
    def checked(
        cls,
        strategy: Mapping[str, Any],
        backtest: Mapping[str, Any],
        settings: SearchSettings,
        *,
        space: Mapping[str, Mapping[str, Any]] | None = None,
        source: str | None = None,
        data_dir: Path | None = None,
    ) -> OptimizeJob:
        """The job for settings that differ from the defaults, see `BacktestJob.checked`.

        `space`: rows like those of `OPTIMIZER_SPACE` (None: all of it). A study that exists already
        goes on with its coins in their order, and without an end with the one it was begun with.

        Raises ParameterError or DataError: one line about what cannot be used.
        """
        job = BacktestJob.checked(strategy, backtest, source=source, data_dir=data_dir)
        if job.params.use_ml_regime:
            raise ParameterError("use_ml_regime cannot be optimised: it takes too long to fit")
        stored = stored_study(settings)
        told = (stored or {}).get("job")
        if told is None and not settings.trials:
            raise ParameterError(
                f"there is no study {settings.study_name} to conclude from: give --trials"
            )
        if told is not None:
            job = replace(job, coins=in_order(job.coins, told["coins"]))
        if job.end is None and told is not None and "end_ms" in told:
            job = replace(job, end=int(told["end_ms"]))
        checked = cls(job, Space.checked(space, job.params), settings)
        if stored is not None:
            require_same(checked, stored)
        return checked

    @classmethod
    def joining(
        cls, settings: SearchSettings, *, source: str | None = None, data_dir: Path | None = None
    ) -> OptimizeJob:
        """The job of the study `settings.study_name`, as whoever began it has written it down.

        Raises ParameterError: no such study, or a database that only one machine can use.
        """
        if not settings.is_shared:
            raise ParameterError(
                "--join needs a database that machines can share: give --storage "
                "postgresql+psycopg://USER@HOST/DATABASE"
            )
        stored = stored_study(settings)
        if stored is None:
            raise ParameterError(
                f"there is no study {settings.study_name} in {without_password(settings.url)}: "
                "begin it with gridtui optimize --study-name on another machine"
            )
        told = stored["job"]
        if told["mode"] != "search":
            raise ParameterError(f"study {settings.study_name} is a {told['mode']}: join a search")
        backtest = {
            "coins": told["coins"],
            "start_date": told["first_ms"],
            "end_date": told["end_ms"],
            "timeframe": told["timeframe"],
        }
        lowest = {name: row["low"] for name, row in stored["space"].items()}
        base = {**stored["base"], **lowest}  # with defaults for these it may be none that can be
        job = BacktestJob.checked(base, backtest, source=source, data_dir=data_dir)
        shared = replace(settings, windows=told["windows"], holdout=told["holdout"])
        if len(stored["goals"]) > 1:
            shared = replace(shared, sampler="nsga2")
        return cls(job, Space.checked(stored["space"], job.params), shared, joins=True)

    def load(self, on_event: Tell | None = None, control: SearchControl | None = None) -> Candles:
        """The candles of all coins, cut to the time that they share.

        Raises DataError, Cancelled.
        """
        from engine.events import CandlesLoaded, LoadingCandles
        from engine.optimize.candles import Candles  # pandas and numba: most of a second
        from exchange.candles import fetch_data
        from exchange.checks import require_enough

        tell = on_event or (lambda _: None)
        tables = []
        for coin in self.backtest.coins:

            def loading(share: float = 0.0, message: str = "", name: str = coin.coin) -> None:
                go_on_unless_stopped(control)
                tell(LoadingCandles(name, share, message))

            loading()
            df = fetch_data(
                coin.pair,
                self.backtest.timeframe,
                self.backtest.start,
                self.backtest.end,
                source=self.backtest.source,
                data_dir=self.backtest.data_dir,
                progress=loading,
            )
            require_enough(df, coin)
            stamps = df["timestamp"]
            about = {name: df.attrs[name] for name in ("source", "simulated", "funding")}
            gaps = tuple((int(first), int(bars)) for first, bars in df.attrs["gaps"])
            span = int(stamps.iloc[0]), int(stamps.iloc[-1])
            tell(CandlesLoaded(coin.coin, len(df), *span, **about, gaps=gaps))
            tables.append(df)
        return Candles.common(tables)

    def plan(self, candles: Candles) -> Plan:
        """Which bars train, test and wait until the end. Raises ParameterError: too few."""
        from engine.optimize.walkforward import anchored_plan

        settings = self.settings
        return anchored_plan(
            candles.solid, settings.windows, *self.lookback(candles), settings.holdout
        )

    def lookback(self, candles: Candles) -> tuple[int, int]:
        """(purge, warm-up), see `engine.optimize.walkforward.lookback`."""
        from engine.optimize.walkforward import lookback

        times = [coin.bars.time for coin in candles.coins]
        return lookback(self.space, self.backtest.params, times, candles.timeframe_ms)

    def run(
        self, on_event: Tell | None = None, control: SearchControl | None = None
    ) -> tuple[SearchResult, Conclusion | None]:
        """Search; then draw the conclusion, unless it was stopped or only helped others.

        Raises ParameterError, of a study without a trial to conclude from, too; DataError;
        WorkersLostError; Cancelled when it is stopped before the search or behind it.
        """
        from engine.events import Examining, SearchFinished
        from engine.optimize.conclusion import conclude
        from engine.optimize.control import SearchControl
        from engine.optimize.looks import look
        from engine.optimize.workers import evaluations

        tell = on_event or (lambda _: None)
        control = control or SearchControl()
        settings = self.settings
        candles = self.load(tell, control)
        plan = self.plan(candles)
        conclusion = None

        def questioning(what: str, done: int, of: int) -> None:
            go_on_unless_stopped(control)
            tell(Examining(what, done / of))

        with self.pool(candles, plan, tell) as pool:
            result = self.search(candles, plan, pool, tell, control)
            if not (self.joins or control.stopped):
                if not result.trials:
                    raise ParameterError(
                        f"study {settings.study_name} has no finished trial: give --trials"
                    )
                perms, seed = settings.mc_perms, settings.seed
                conclusion = conclude(
                    result,
                    candles,
                    lambda trials: evaluations(pool, trials, lambda: control.stopped),
                    permutations=perms,
                    seed=seed,
                    on_progress=questioning,
                    look=lambda params: look(
                        settings.url, settings.study_name, params, perms, seed
                    ),
                )
                result = conclusion.search
        tell(SearchFinished(result, conclusion))
        return result, conclusion

    @contextmanager
    def pool(self, candles: Candles, plan: Plan, on_event: Tell | None = None) -> Iterator[Pool]:
        """Where the trials on these candles and this plan are evaluated."""
        from engine.events import CompilingKernel
        from engine.optimize.workers import open_pool
        from indicators.compiled import is_compiled

        if on_event is not None and not is_compiled():
            on_event(CompilingKernel())
        with open_pool(candles, plan, self.backtest.params, self.settings.processes) as pool:
            yield pool

    def search(
        self,
        candles: Candles,
        plan: Plan,
        pool: Pool,
        on_event: Tell | None = None,
        control: SearchControl | None = None,
        *,
        study_name: str | None = None,
        grows: bool = True,
        heartbeat: tuple[int, int] | None = None,
    ) -> SearchResult:
        """Search on one plan; the pool must be of the same candles and plan.

        `study_name`: another one than that of the settings; `grows`: `trials` of the settings come
        on top of those it has, else they are those that it shall have in all; `heartbeat`:
        (interval, grace) in whole seconds, of a study that several machines share.

        Raises ParameterError: the study is about something else; WorkersLostError.
        """
        from engine.events import SearchStarted
        from engine.optimize.ledger import (
            GRACE_SECONDS,
            HEARTBEAT_SECONDS,
            Ledger,
            SharedLedger,
            SoloLedger,
        )
        from engine.optimize.records import SearchResult
        from engine.optimize.samplers import Sampling
        from engine.optimize.search import Search
        from engine.optimize.study import Study, finished, record_of

        tell = on_event or (lambda _: None)
        settings = self.settings
        name = study_name or settings.study_name
        identity = self.identity(candles, plan)
        beat = (heartbeat or (HEARTBEAT_SECONDS, GRACE_SECONDS)) if settings.is_shared else None
        with closing(Study.opened(settings.url, name, identity, beat)) as study:
            stored = study.trials()  # read once: what is finished later is news to all
            done = finished(stored)
            known = tuple(map(record_of, done))
            add = settings.trials if grows else max(0, settings.trials - len(known))
            ledger: Ledger
            if settings.is_shared and (self.joins or add):
                ledger = shared = SharedLedger(study, self.space, 0 if self.joins else add, stored)
                wanted, seed = shared.target, _own_seed()
            else:
                ledger = SoloLedger(study, self.space, len(stored), add)
                wanted, seed = len(known) + add, settings.seed
            sampling = Sampling(settings.sampler, self.space, done, seed)
            where = without_password(settings.url)
            workers = settings.processes
            tell(SearchStarted(name, where, len(known), wanted, workers, settings.sampler))
            found = Search(
                self.space,
                self.backtest.params,
                ledger,
                sampling,
                pool,
                identity.goals,
                known,
                wanted,
                workers,
                control,
                tell,
            ).run()
            trials = {trial.number: trial for trial in (*known, *found.trials)}
            if settings.is_shared:  # others may have finished more by now
                trials |= {trial.number: trial for trial in study.records()}
        return SearchResult(
            study=name,
            storage=where,
            pairs=candles.pairs,
            timeframe=candles.timeframe,
            first_ms=candles.first_ms,
            last_ms=candles.end_ms - candles.timeframe_ms,
            source=candles.source,
            simulated=candles.simulated,
            plan=plan,
            space=self.space.plain(),
            base=self.backtest.params.model_dump(),
            sampler=settings.sampler,
            seed=settings.seed,
            holdout=settings.holdout,
            trials=tuple(trials[number] for number in sorted(trials)),
            added=found.own,
            wanted=wanted,
            stopped=found.stopped,
            timings=found.timings,
            notes=(*candles.notes, *_rejected(found)),
        )

    def identity(self, candles: Candles, plan: Plan) -> Identity:
        """What the scores of this search depend on."""
        return self.identity_of(
            candles.fingerprint,
            {
                "coins": list(candles.pairs),
                "simulated": candles.simulated,
                "start": moment_text(candles.first_ms),
                "end": moment_text(candles.end_ms),
                "first_ms": candles.first_ms,
                "end_ms": candles.end_ms,
                "timeframe": candles.timeframe,
                "windows": self.settings.windows,
                "holdout": self.settings.holdout,
                "mode": self.settings.mode,
                "cuts": [[window.train_end, window.test_end] for window in plan.windows],
            },
        )

    def identity_of(self, data: str, job: Mapping[str, Any]) -> Identity:
        """With candles of the fingerprint `data`, searched as `job` says."""
        from engine.optimize.samplers import goals_of
        from engine.optimize.study import Identity

        base = self.backtest.params.model_dump()
        return Identity(
            data=data,
            space=self.space.plain(),
            job=job,
            base={name: value for name, value in base.items() if name not in self.space.names},
            goals=goals_of(self.settings.sampler),
        )


def _rejected(found: Found) -> tuple[str, ...]:
    if not found.rejected:
        return ()
    return (
        f"{plural(found.rejected, 'draw')} from the space cannot be and gave way to others: "
        f"{found.reason}",
    )


def _own_seed() -> int:
    """Machines that share a study must not draw the same trials."""
    import secrets

    return secrets.randbits(31)
