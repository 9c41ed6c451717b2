"""`gridtui optimize`: search for parameters, and say whether the result is real."""

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from tui.commands.grammar import add_data_dir, named_config
from tui.errors import UsageError
from tui.folders import STORAGE_VARIABLE

if TYPE_CHECKING:
    from engine.events import SearchEvent
    from engine.optimize.announce import Announcer
    from engine.optimize.console import SearchConsole
    from engine.optimize.control import SearchControl
    from engine.optimize.job import OptimizeJob
    from engine.optimize.settings import SearchSettings

INTERRUPTED = 130

_SETTINGS = (
    "trials",
    "windows",
    "study_name",
    "storage",
    "sampler",
    "mode",
    "holdout",
    "mc_perms",
    "seed",
    "workers",
)
_OF_THE_STUDY = ("coins", "start", "end", "windows", "holdout", "trials", "config", "mode")


def add_optimize(commands: Any) -> None:
    command = commands.add_parser(
        "optimize",
        help="search for parameters by walk-forward, and test whether they are overfit",
        description="Search the strategy's parameters on anchored walk-forward windows, take the "
        "median of the best tenth, and question it. A study of the same name grows run by run.",
    )
    command.set_defaults(run=_optimize)
    add = command.add_argument
    add("--coins", nargs="+", metavar="COIN", help="coins (default: BTC ETH SOL)")
    add(
        "--trials",
        type=int,
        metavar="N",
        help="trials to add to the study (default: 100; 0 concludes from those it has); with "
        "--mode refit those that each window shall have",
    )
    add("--start", metavar="DATE", help="first day, UTC (default: 2024-01-01)")
    add("--end", metavar="DATE", help="day after the last, UTC (default: the study's, else now)")
    add("--windows", type=int, metavar="N", help="walk-forward windows (default: 4)")
    add("--study-name", metavar="NAME", help="study to begin or go on with (default: grid_v4_wfo)")
    add("--mc-perms", type=int, metavar="N", help="permuted markets to compare with (default: 50)")
    add("--skip-mc", action="store_true", help="no permuted markets")
    add(
        "--source",
        metavar="WHERE",
        help="binance, sim (a made-up market), cache or a folder with candles (environment "
        "GRIDTUI_SOURCE, else binance)",
    )
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file with [strategy], [backtest], [optimizer_space]",
    )
    add(
        "--workers",
        type=int,
        metavar="N",
        help="processes (default: one for each core; 0 "
        "searches in this one, slower, but with nothing else to start or to go wrong)",
    )
    add(
        "--sampler",
        metavar="NAME",
        help="tpe, cmaes, qmc, nsga2 or random (default: tpe); nsga2 weighs growth against "
        "drawdown and needs hundreds of trials, its first 50 are random",
    )
    add("--mode", metavar="MODE", help="search, or refit: a search of its own in every window")
    add(
        "--storage",
        metavar="WHERE",
        help="database of the study: a file, or postgresql+psycopg://USER@HOST/DATABASE for "
        f"several machines (environment {STORAGE_VARIABLE}, else grid_v4_wfo.db)",
    )
    add("--join", metavar="STUDY", help="help with a study that another machine has begun")
    add("--holdout", type=float, metavar="SHARE", help="last part never searched (default: 0.15)")
    add("--seed", type=int, metavar="N", help="same seed, same trials, on one machine (default: 0)")
    add_data_dir(command)


def _optimize(args: argparse.Namespace) -> int:
    job = _job(args)
    from engine.optimize.announce import announced
    from engine.optimize.console import SearchConsole
    from engine.optimize.control import SearchControl
    from engine.priority import give_way, group_gives_way
    from engine.progress import ProgressLine
    from engine.report import console_for

    if args.own_process:
        give_way()
        group_gives_way()
    control = SearchControl()
    progress = ProgressLine(console_for(sys.stderr), in_lines=True)
    console = SearchConsole(job, console_for(sys.stdout), progress)
    try:
        with stopped_by_signals(control), announced(job, control, args.config) as announcer:
            return _search(job, console, control, announcer)
    finally:
        progress.clear()


def _search(
    job: "OptimizeJob", console: "SearchConsole", control: "SearchControl", announcer: "Announcer"
) -> int:
    from engine.loop import Cancelled

    def tell(event: "SearchEvent") -> None:
        announcer(event)
        console(event)

    try:
        if job.settings.mode == "refit":
            from engine.optimize.refit import refit, write_refit

            result = refit(job, tell, control)
            console.refit(result)
            console.files([write_refit(result, job.backtest.data_dir)])
        else:
            _, conclusion = job.run(tell, control)
            if conclusion is not None:
                from engine.optimize.results import write_results

                console.files(write_results(conclusion, job.backtest.data_dir))
    except Cancelled:
        console.cancelled()
        raise KeyboardInterrupt from None
    return INTERRUPTED if control.stopped else 0


def _job(args: argparse.Namespace) -> "OptimizeJob":
    """The settings: defaults, then the file, then the flags."""
    from engine.optimize.job import OptimizeJob  # pydantic: 0.1 s
    from engine.optimize.space import load_space
    from engine.params import load_config_file

    settings = _settings(args)
    if args.join is not None:
        return OptimizeJob.joining(settings, source=args.source, data_dir=args.data_dir)
    config = args.config = named_config(args)
    strategy, backtest = load_config_file(config) if config else ({}, {})
    space = load_space(config) if config else None
    spans = {"coins": args.coins, "start_date": args.start, "end_date": args.end}
    backtest |= {name: value for name, value in spans.items() if value is not None}
    return OptimizeJob.checked(
        strategy, backtest, settings, space=space, source=args.source, data_dir=args.data_dir
    )


def _settings(args: argparse.Namespace) -> "SearchSettings":
    from engine.optimize.settings import SearchSettings

    told = {name: getattr(args, name) for name in _SETTINGS}
    if args.join is not None:
        given = [name for name in _OF_THE_STUDY if getattr(args, name) is not None]
        if args.study_name is not None:
            given.append("study_name")
        if given:
            flag = given[0].replace("_", "-")
            raise UsageError(f"--join takes --{flag} from the study: leave the flag out")
        told["study_name"] = args.join
    if args.skip_mc:
        if args.mc_perms is not None:
            raise UsageError("--skip-mc and --mc-perms contradict each other: give one of them")
        told["mc_perms"] = 0
    if told["storage"] is None:
        told["storage"] = os.environ.get(STORAGE_VARIABLE) or None
    return SearchSettings(**{name: value for name, value in told.items() if value is not None})


@contextmanager
def stopped_by_signals(control: "SearchControl") -> Iterator[None]:
    """Ctrl-C, SIGTERM and the end of the terminal stop the search where nothing is lost; a second
    one interrupts at once. Where the terminal's end is to be ignored (nohup), it is."""

    def stop(number: int, frame: FrameType | None) -> None:
        if control.stopped:
            signal.default_int_handler(number, frame)
        control.stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [(each, signal.signal(each, stop)) for each in numbers]
    try:
        yield
    finally:
        for each, handler in before:
            signal.signal(each, handler)
