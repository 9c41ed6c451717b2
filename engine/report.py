"""A backtest on the console: the header, what is being done, the summaries, the files."""

import os
from collections.abc import Iterable, Mapping
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from engine.band import Band
from engine.events import BacktestEvent, CandlesLoaded, CoinFinished, LoadingCandles, RunFinished
from engine.job import BacktestJob
from engine.progress import ProgressLine
from engine.simulator import PORTFOLIO
from engine.summary import Section, no_order_note, portfolio_summary, simulated_note, summary
from engine.wording import amount, dollars
from exchange.span import moment_text
from exchange.symbol import Symbol

_RULE = "─" * 60
_SIGN_CHANGES = "! the sign changes: this result hangs on how orders fill, not on the strategy"
_STYLES = {"good": "green", "bad": "red", "warning": "yellow", "": ""}


def console_for(stream: IO[str]) -> Console:
    """A console that writes no control codes into a file, a pipe, or under NO_COLOR."""
    plain = bool(os.environ.get("NO_COLOR"))
    return _Console(
        file=stream,
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave a reader that has gone away to the caller, who knows the exit code."""
        raise BrokenPipeError


class ConsoleReport:
    """Prints a run while it happens: hand it to `BacktestJob.run` as `on_event`."""

    def __init__(self, job: BacktestJob, console: Console, progress: ProgressLine) -> None:
        self._job = job
        self._console = console
        self._progress = progress
        self._loaded: list[str] = []
        for line in header(job):
            console.print(line)

    def __call__(self, event: BacktestEvent) -> None:
        if isinstance(event, LoadingCandles) and not event.message:
            self._fetching(event.coin)
        self._progress(event)
        if isinstance(event, CandlesLoaded):
            self._candles(event)
        elif isinstance(event, CoinFinished):
            self._coin(event.result)
        elif isinstance(event, RunFinished) and len(self._job.coins) > 1:
            self._portfolio(event.results)

    def bands(self, bands: Mapping[Symbol, Band]) -> None:
        """Returns under the fill models side by side, and whether they disagree."""
        self._console.print()
        self._console.print(Text("  Return by fill model", "bold"))
        for coin, band in bands.items():
            self._console.print(Text(band_line(coin, band)))
            if band.sign_changes:
                self._console.print(Text(f"  {_SIGN_CHANGES}", "yellow"))

    def files(self, paths: Iterable[Any]) -> None:
        """The paths written, one line each, as they are written."""
        self._console.print()
        for path in paths:
            self._console.print(Text(f"  wrote {path}", "dim"))

    def _fetching(self, coin: str) -> None:
        again = coin in self._loaded
        name = Symbol(coin).pair + (f" ({self._job.detail_timeframe} for fills)" if again else "")
        self._console.print()
        self._console.print(Text(f"Fetching {name}..."))

    def _candles(self, event: CandlesLoaded) -> None:
        self._loaded.append(event.coin)
        self._console.print(
            Text(f"  {event.candles} candles loaded ({event.first_ms} → {event.last_ms})")
        )
        opens = moment_text(event.first_ms), moment_text(event.last_ms)
        self._console.print(Text(f"  {opens[0]} → {opens[1]}"))
        if event.simulated:
            self._console.print(Text(f"  {simulated_note(event.source)}", "bold yellow"))

    def _coin(self, result: Mapping[str, Any]) -> None:
        for note in result["candles"].attrs["notes"]:
            self._console.print(Text(f"  note: {note}", "yellow"))
        if note := no_order_note(result):
            self._console.print(Text(f"  note: {note}", "yellow"))
        self._title(result["symbol"], result["simulated"])
        self._sections(summary(result))

    def _portfolio(self, results: Mapping[str, Any]) -> None:
        title = f"Portfolio of {len(self._job.coins)} accounts"
        self._title(title, results[PORTFOLIO]["simulated"])
        self._sections(portfolio_summary(results, PORTFOLIO))

    def _title(self, name: str, simulated: bool) -> None:
        self._console.print()
        self._console.print(_RULE)
        title = Text(f"  {name} — Performance Summary", "bold")
        if simulated:
            title.append("  SIMULATED", "bold yellow")
        self._console.print(title)
        self._console.print(_RULE)

    def _sections(self, sections: Iterable[Section]) -> None:
        for section in sections:
            if section.title:
                self._console.print()
                self._console.print(Text(f"  {section.title}", "bold"))
            for row in section.rows:
                self._console.print(Text(str(row), _STYLES[row.tone]))


def header(job: BacktestJob) -> list[str]:
    """The lines above everything: strategy, capital, coins, period."""
    params = job.params
    mode = "Hedge Mode" if params.allow_short else "Long-Only Mode"
    regime = "GMM Regime" if params.use_ml_regime else "KAMA Regime"
    each = " per coin" if len(job.coins) > 1 else ""
    coins = [coin.coin for coin in job.coins]
    until = "now" if job.end is None else job.end
    return [
        f"GridStrategyV4 | {mode} | {regime} | {job.timeframe} Candles",
        f"Capital: {dollars(params.initial_capital)}{each} | Leverage: {params.leverage}x | "
        f"Short: {'ON' if params.allow_short else 'OFF'}",
        f"Coins: {coins} | Period: {job.start} → {until}",
    ]


def band_line(coin: Symbol, band: Band) -> str:
    """`  BTC         touch +14.10%   path +12.45%   strict -1.90%`."""
    returns = "   ".join(
        f"{model} {amount(value, signed=True):>7}%" for model, value in band.returns.items()
    )
    return f"  {coin.coin:<12}{returns}"
