"""A search on the console: what is searched, how far it is, what it found, what was written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from engine.events import (
    CandlesLoaded,
    CompilingKernel,
    Examining,
    LoadingCandles,
    SearchEvent,
    SearchFinished,
    SearchProgress,
    SearchStarted,
)
from engine.optimize.job import OptimizeJob
from engine.optimize.records import SearchResult, Timings
from engine.progress import ProgressLine
from engine.summary import simulated_note
from engine.wording import count, dollars, plural
from engine.wrapped import print_wrapped
from exchange.span import moment_text

if TYPE_CHECKING:
    from engine.optimize.refit import Refit


_MOST_OF_FRONT = 10


class SearchConsole:
    """Prints a search while it happens: hand it to `OptimizeJob.run` as `on_event`."""

    def __init__(self, job: OptimizeJob, console: Console, progress: ProgressLine) -> None:
        self._job = job
        self._console = console
        self._progress = progress
        self._examining = False
        backtest, settings = job.backtest, job.settings
        end = "now" if backtest.end is None else _moment(backtest.end)
        coins = [coin.coin for coin in backtest.coins]
        self._print("GridStrategyV4 | Optimizer | Anchored walk-forward")
        self._print(
            f"Coins: {coins} | Period: {_moment(backtest.start)} → {end} | "
            f"Windows: {settings.windows} | Hold-out: {100 * settings.holdout:g}%"
        )
        self._print(
            f"Capital: {dollars(backtest.params.initial_capital)} | "
            f"Leverage: {backtest.params.leverage}x | "
            f"Searched parameters: {len(job.space.ranges)}"
        )
        self._print("")

    def __call__(self, event: SearchEvent) -> None:
        match event:
            case LoadingCandles(coin, share, message):
                self._progress.show(message or f"loading {coin}", share or None)
            case CandlesLoaded():
                self._progress.clear()
                self._loaded(event)
            case CompilingKernel():
                self._progress(event)
            case SearchStarted():
                self._progress.clear()
                self._started(event)
            case SearchProgress():
                self._progress.show(progress_text(event), event.done / max(event.wanted, 1))
            case Examining(what, share):
                self._examining = True
                self._progress.show(f"questioning the result: {what}", share)
            case SearchFinished(result, conclusion):
                self._progress.clear()
                self._finished(result)
                if conclusion is not None:
                    from engine.optimize.report import print_conclusion

                    print_conclusion(conclusion, self._console)
            case _:
                self._progress.clear()

    def cancelled(self) -> None:
        """The search ended before its report; say what brings it."""
        self._progress.clear()
        if self._examining:
            words = "stopped before the report: the same command with --trials 0 prints it"
            print_wrapped(self._console, Text(words, "yellow"))

    def files(self, paths: Iterable[Path]) -> None:
        """The paths written, one line each."""
        self._print("")
        for path in paths:
            print_wrapped(self._console, Text(f"  wrote {path}", "dim"))

    def refit(self, result: Refit) -> None:
        """What each window's own search came to, and all of them as one account."""
        from engine.optimize.refit import refit_lines

        self._progress.clear()
        for line in refit_lines(result):
            print_wrapped(self._console, line)

    def _loaded(self, event: CandlesLoaded) -> None:
        self._print(
            f"{event.coin}: {count(event.candles)} candles, {moment_text(event.first_ms)} to "
            f"{moment_text(event.last_ms)}, funding {event.funding}"
        )
        if event.simulated:
            print_wrapped(self._console, Text(simulated_note(event.source), "bold yellow"))

    def _started(self, event: SearchStarted) -> None:
        known = f", {plural(event.known, 'trial')} known" if event.known else ""
        processes = plural(event.workers, "worker") if event.workers else "this process"
        self._print("")
        self._print(
            f"Study {event.study} ({event.storage}){known}; up to {event.wanted:,} trials, "
            f"sampler {event.sampler}, {processes}"
        )

    def _finished(self, result: SearchResult) -> None:
        for note in result.notes:
            self._print(f"  note: {note}")
        if result.stopped:
            print_wrapped(self._console, Text(self._stopped(result), "yellow"))
        if result.added:
            self._print(f"  {timings_text(result.added, result.timings)}")
        if result.front:
            self._print("")
            self._print("Growth against drawdown, the worst of any coin and window:")
        for trial in result.front[:_MOST_OF_FRONT]:
            growth, drawdown = (100.0 * value for value in trial.values)
            self._print(
                f"  trial {trial.number:>5}  growth {growth:+8.2f}% a year  drawdown "
                f"{drawdown:6.2f}%  score {trial.score:8.4f}"
            )

    def _stopped(self, result: SearchResult) -> str:
        """Trials come on top of those in the study: the same number again would be too many."""
        settings = self._job.settings
        words = f"stopped: {plural(len(result.trials), 'trial')} in the study"
        if settings.mode == "refit" or self._job.joins:
            return f"{words}; the same command goes on"
        left = max(0, result.wanted - len(result.trials))
        if settings.is_shared and left:
            return (
                f"{words}, {left:,} to go: --join {result.study} goes on, then the same command "
                "with --trials 0 reports"
            )
        does = "goes on" if left else "reports"
        return f"{words}; the same command with --trials {left} {does}"

    def _print(self, text: str) -> None:
        print_wrapped(self._console, text)


def progress_text(event: SearchProgress) -> str:
    """`132 of 200 trials, 3.4/s, 20 s left`."""
    text = f"{count(event.done)} of {count(event.wanted)} trials"
    if event.paused:
        return f"{text}, paused"
    if event.rate > 0.0 and event.done < event.wanted:
        left = (event.wanted - event.done) / event.rate
        text += f", {event.rate:.1f}/s, {left:,.0f} s left"
    return text


def timings_text(trials: int, spent: Timings) -> str:
    """How long the search took, and a trial's share of sampler, engine and database."""
    each = [1000.0 * part / trials for part in (spent.sampling, spent.engine, spent.storage)]
    return (
        f"{plural(trials, 'trial')} in {spent.wall:.1f} s; per trial {each[0]:.0f} ms sampling, "
        f"{each[1]:.0f} ms engine (of all workers), {each[2]:.0f} ms storage"
    )


def _moment(moment: object) -> str:
    return moment_text(moment) if isinstance(moment, int) else str(moment)
