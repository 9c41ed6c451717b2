"""`gridtui backtest`: the strategy on past candles, as text, files and JSON."""

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import __version__
from tui.commands.grammar import (
    add_data_dir,
    add_strategy_arguments,
    named_config,
    strategy_flags,
)

if TYPE_CHECKING:
    from engine.job import BacktestJob


def add_backtest(commands: Any) -> None:
    command = commands.add_parser(
        "backtest",
        help="run the strategy on past candles",
        description="Run the strategy on past candles, print its performance, write the trade "
        "log and charts. Later wins: defaults, --config, flags, --set.",
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
        help="binance, sim (a made-up market), cache (what is on disk; cache-spot, cache-sim) or a "
        "folder with candles (environment GRIDTUI_SOURCE, else binance)",
    )
    add("--capital", type=float, metavar="USDT", help="capital of each coin (default: 10000)")
    add("--leverage", type=int, metavar="N", help="leverage (default: 1)")
    add_strategy_arguments(command, "[strategy] and [backtest]")
    add("--band", action="store_true", help="compare three models of how orders fill")
    add("--no-plot", action="store_true", help="write no charts")
    add("--json", action="store_true", help="print one JSON document and nothing else")
    add_data_dir(command)


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
    from engine.params import load_config_file

    config = named_config(args)
    strategy, backtest = load_config_file(config) if config else ({}, {})
    if args.capital is not None:
        strategy["initial_capital"] = args.capital
    strategy |= strategy_flags(args)
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
    print(to_json({"gridtui": __version__, **run_document(job, results, bands, files)}))


def _with_progress(paths: Iterator[Path], progress: Any) -> Iterator[Path]:
    """The paths, with a word on the terminal while the next one is being written."""
    progress.show("drawing charts", None)
    for path in paths:
        progress.clear()
        yield path
        progress.show("drawing charts", None)
    progress.clear()
