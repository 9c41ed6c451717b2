"""The command line of gridtui; without a command it opens the screens.

Nothing heavy is imported here: `gridtui --version` and `--help` answer at once.
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine.errors import ParameterError
from exchange.errors import DataError

if TYPE_CHECKING:
    from engine.job import BacktestJob

VERSION = "0.1.0"

UNEXPECTED = 1
USER_ERROR = 2
INTERRUPTED = 130
READER_GONE = 141  # what a shell reports of a program whose reader has gone away


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); returns the exit code.

    What a user can cause ends in one line on stderr and exit code 2, an interrupt in 130, a
    reader that has gone away in 141 without a word.
    """
    _open_missing_streams()
    try:
        code = _run(argv)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _leave(INTERRUPTED, "stopped")
    except BrokenPipeError:
        return _leave(READER_GONE, "")
    except (ParameterError, DataError, _UsageError) as error:
        return _leave(USER_ERROR, str(error))
    except OSError as error:
        what = f"cannot use {error.filename}: " if error.filename else "cannot write: "
        return _leave(USER_ERROR, what + (error.strerror or str(error)))
    except Exception as error:
        if os.environ.get("GRIDTUI_DEBUG"):
            raise
        return _leave(UNEXPECTED, _confession(error))
    return code


def _run(argv: Sequence[str] | None) -> int:
    try:
        args = _parser().parse_args(argv)
    except SystemExit:  # argparse has shown help or the version
        return 0
    code: int = args.run(args)
    return code


def _open_missing_streams() -> None:
    """A process without standard streams (cron, `>&-`) writes into nothing."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+"))  # noqa: SIM115 (it stays open)


class _UsageError(Exception):
    """A command line that does not follow the grammar."""


class _Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    top = _Parser(
        prog="gridtui",
        description="Backtest a hedge-mode grid strategy on USDT perpetual futures. Without a "
        "command the screens open.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"gridtui {VERSION}")
    top.add_argument("--data-dir", type=Path, metavar="DIR", help=_DATA_DIR_HELP)
    top.set_defaults(run=_open_screens)
    _add_backtest(top.add_subparsers(metavar="command", parser_class=_Parser))
    return top


_DATA_DIR_HELP = "cache, output and charts go there (environment GRIDTUI_DATA, else ./data)"


def _add_backtest(commands: Any) -> None:
    command = commands.add_parser(
        "backtest",
        help="run the strategy on past candles",
        description="Run the strategy on past candles, print its performance, write the trade "
        "log and charts. Later wins: defaults, --config, flags, --set.",
        allow_abbrev=False,
    )
    command.set_defaults(run=_backtest)
    add = command.add_argument
    add("--coins", nargs="+", metavar="COIN", help="coins (default: BTC ETH SOL), one account each")
    add("--start", metavar="DATE", help="first day, UTC (default: 2024-01-01)")
    add("--end", metavar="DATE", help="day after the last, UTC (default: now)")
    add("--timeframe", metavar="TF", help="length of a candle, 1m to 1d (default: 15m)")
    add("--detail-timeframe", metavar="TF", help="finer candles that orders fill on")
    add(
        "--source",
        metavar="WHERE",
        help="binance, sim (a made-up market) or a folder with "
        "candles (environment GRIDTUI_SOURCE, else binance)",
    )
    add("--capital", type=float, metavar="USDT", help="capital of each coin (default: 10000)")
    add("--leverage", type=int, metavar="N", help="leverage (default: 1)")
    add("--no-short", action="store_true", help="long grid only")
    add("--config", type=Path, metavar="FILE", help="TOML file with [strategy] and [backtest]")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="any parameter of the strategy; may be repeated",
    )
    add("--band", action="store_true", help="compare three models of how orders fill")
    add("--no-plot", action="store_true", help="write no charts")
    add("--json", action="store_true", help="print one JSON document and nothing else")
    add("--data-dir", type=Path, metavar="DIR", default=argparse.SUPPRESS, help=_DATA_DIR_HELP)


def _open_screens(args: argparse.Namespace) -> int:
    # Textual draws on the error stream
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise _UsageError("the screens need a terminal; commands do not (see gridtui --help)")
    from tui.app import run_app  # Textual: 0.3 s

    return run_app(args.data_dir)


def _backtest(args: argparse.Namespace) -> int:
    job = _job(args)
    from engine.progress import ProgressLine  # rich
    from engine.report import console_for

    progress = ProgressLine(console_for(sys.stderr))
    try:
        if args.json:
            _backtest_as_json(job, args, progress)
        else:
            _backtest_as_text(job, args, progress)
    finally:
        progress.clear()
    return 0


def _job(args: argparse.Namespace) -> "BacktestJob":
    """The settings: defaults, then the file, then the flags, then --set."""
    from engine.job import BacktestJob  # pydantic: 0.1 s
    from engine.params import load_config_file, parse_assignment

    strategy, backtest = load_config_file(args.config) if args.config else ({}, {})
    flags = {
        "initial_capital": args.capital,
        "leverage": args.leverage,
        "allow_short": False if args.no_short else None,
    }
    strategy |= {name: value for name, value in flags.items() if value is not None}
    strategy |= dict(parse_assignment(text) for text in args.assignments)
    spans = {
        "coins": args.coins,
        "start_date": args.start,
        "end_date": args.end,
        "timeframe": args.timeframe,
    }
    backtest |= {name: value for name, value in spans.items() if value is not None}
    return BacktestJob.checked(
        strategy,
        backtest,
        source=args.source,
        data_dir=args.data_dir,
        detail_timeframe=args.detail_timeframe,
    )


def _backtest_as_text(job: "BacktestJob", args: argparse.Namespace, progress: Any) -> None:
    from engine.report import ConsoleReport, console_for

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without box lines shows "?"
    report = ConsoleReport(job, console_for(sys.stdout), progress)
    results = job.run(report)
    if args.band:
        from engine.band import fill_model_band

        report.bands({coin: fill_model_band(results[coin.pair]) for coin in job.coins})
    report.files(_with_progress(job.export(results, not args.no_plot), progress))


def _backtest_as_json(job: "BacktestJob", args: argparse.Namespace, progress: Any) -> None:
    results = job.run(progress)
    from engine.band import fill_model_band  # with the run, everything is loaded already
    from engine.document import run_document, to_json

    bands = {coin: fill_model_band(results[coin.pair]) for coin in job.coins if args.band}
    files = list(_with_progress(job.export(results, not args.no_plot), progress))
    print(to_json({"gridtui": VERSION, **run_document(job, results, bands, files)}))


def _with_progress(paths: Iterator[Path], progress: Any) -> Iterator[Path]:
    """The paths, with a word on the terminal while the next one is being written."""
    progress.show("drawing charts", None)
    for path in paths:
        progress.clear()
        yield path
        progress.show("drawing charts", None)
    progress.clear()


def _leave(code: int, message: str) -> int:
    """Say why on stderr, in one line; standard output is left in a state that can be closed."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if message:
        with contextlib.suppress(OSError):
            print("gridtui:", " ".join(message.splitlines()), file=sys.stderr)
    return code


def _confession(error: Exception) -> str:
    return (
        f"unexpected {type(error).__name__}: {error}. This is a defect of gridtui: run again with "
        "GRIDTUI_DEBUG=1 and report what it prints"
    )


if __name__ == "__main__":
    sys.exit(main())
