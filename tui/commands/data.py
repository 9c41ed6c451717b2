"""`gridtui data`: what market data lies on the disk; fetching, importing, checking, clearing it."""

import argparse
import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.wording import plural
from tui.commands.grammar import add_data_dir
from tui.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from exchange.holdings import Holding
    from exchange.symbol import Symbol

WRONG_DATA = 1  # the exit code of a check that found rows which cannot be right

_PLAIN_WIDTH = 80


def add_data(commands: Any) -> None:
    command = commands.add_parser(
        "data",
        help="market data on the disk: list, fetch, import, check, clear",
        description="Candles and funding in the folder cache of the data folder.",
    )
    command.set_defaults(run=_no_action)
    add_data_dir(command)
    actions = command.add_subparsers(metavar="action", parser_class=type(command))
    _add_list(actions)
    _add_fetch(actions)
    _add_import(actions)
    _add_check(actions)
    _add_clear(actions)


def _add_list(actions: Any) -> None:
    action = actions.add_parser(
        "list",
        help="what is there, and how complete",
        description="Every series in the cache: market, days, how complete, a map of its gaps, "
        "where it is from.",
    )
    action.set_defaults(run=_list)
    _add_choice(action)
    action.add_argument("--json", action="store_true", help="print one JSON document")
    add_data_dir(action)


def _add_fetch(actions: Any) -> None:
    action = actions.add_parser(
        "fetch",
        help="get from Binance what is missing",
        description="Get candles and funding of perpetuals from Binance: only what the cache "
        "lacks, whole months from its archives where that is faster. Ctrl-C keeps what has come.",
    )
    action.set_defaults(run=_fetch)
    add = action.add_argument
    add("--coin", "--coins", nargs="+", metavar="COIN", dest="coins", required=True, help="coins")
    add("--timeframe", nargs="+", metavar="TF", default=["15m"], help="1m to 1d (default: 15m)")
    add("--start", metavar="DATE", required=True, help="first day, UTC")
    add("--end", metavar="DATE", help="day after the last, UTC (default: now)")
    add("--no-funding", action="store_true", help="candles alone")
    add_data_dir(action)


def _add_import(actions: Any) -> None:
    action = actions.add_parser(
        "import",
        help="take files of your own into the cache",
        description="Take .parquet, .csv and Binance's .zip files, or a folder of them, into the "
        "cache. Names like BTCUSDT_15m.csv, SOLUSDT-spot_1m.parquet, BTCUSDT-15m-2024-01.zip and "
        "BTCUSDT_funding.csv say what they hold; flags win.",
    )
    action.set_defaults(run=_import)
    add = action.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    add("--coin", metavar="COIN", help="the coin, where the name does not say it")
    add("--timeframe", metavar="TF", help="1m to 1d, or funding, where the name does not say it")
    add("--market", choices=("perpetual", "spot"), help="the market, where the name does not tell")
    add("--simulated", action="store_true", help="the prices are made up")
    add("--replace", action="store_true", help="where rows differ, take the file's")
    add_data_dir(action)


def _add_check(actions: Any) -> None:
    action = actions.add_parser(
        "check",
        help="look at every row",
        description="Read every row and say what is odd: gaps, doubles, impossible prices, "
        "candles without volume, jumps. Nothing is changed. The exit code is 1 where something "
        "cannot be right.",
    )
    action.set_defaults(run=_check)
    _add_choice(action)
    action.add_argument("--json", action="store_true", help="print one JSON document")
    add_data_dir(action)


def _add_clear(actions: Any) -> None:
    action = actions.add_parser(
        "clear",
        help="remove files from the cache",
        description="Remove files from the cache, after a list of them and a question.",
    )
    action.set_defaults(run=_clear)
    _add_choice(action)
    add = action.add_argument
    add("--all", action="store_true", help="everything")
    add("--damaged", action="store_true", help="files that were set aside, half-written files")
    add("--yes", action="store_true", help="do not ask")
    add_data_dir(action)


def _add_choice(action: Any) -> None:
    add = action.add_argument
    add("--coin", "--coins", metavar="COIN", dest="coin", help="this coin alone")
    add("--timeframe", metavar="TF", help="1m to 1d, or funding")
    add("--market", choices=("perpetual", "spot"), help="this market alone")


def _no_action(_: argparse.Namespace) -> int:
    raise UsageError("say what to do: list, fetch, import, check or clear (gridtui data --help)")


def _list(args: argparse.Namespace) -> int:
    from rich.text import Text

    from exchange.cache import cache_folder  # pandas: 0.3 s
    from exchange.holdings import gap_map
    from tui.commands import data_text

    found = _chosen(args)
    folder = cache_folder(args.data_dir)
    if args.json:
        series = [
            {**data_text.document(each), "gap_map": [round(x, 4) for x in gap_map(each, 40)]}
            for each in found
        ]
        print(data_text.to_json({"cache": str(folder), "series": series}))
        return 0
    console = _console()
    if not found:
        chosen = args.coin or args.timeframe or args.market
        what = "has nothing of that" if chosen else "is empty"
        console.print(f"the cache {folder} {what}; gridtui data fetch and import fill it")
        return 0
    width = console.width if console.is_terminal else _PLAIN_WIDTH
    for holding in found:
        console.print(Text(data_text.row(holding, width)))
        console.print(Text(f"    {data_text.details(holding)}", "dim"))
        for path in holding.damaged:
            console.print(Text(f"    damaged: {path.name}", "red"))
    total = data_text.size_text(sum(holding.size_bytes for holding in found))
    console.print(Text(f"{len(found)} series, {total} in {folder}   {data_text.LEGEND}", "dim"))
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from engine.progress import ProgressLine  # rich
    from engine.report import console_for
    from exchange.candles import fetch_into_cache  # pandas: 0.3 s
    from exchange.series import Series
    from exchange.span import Span, moment_ms
    from exchange.symbol import Symbol
    from tui.commands import data_text

    wanted = [
        Series(Symbol.parse(coin), timeframe) for coin in args.coins for timeframe in args.timeframe
    ]
    until = int(time.time() * 1000) if args.end is None else moment_ms(args.end)
    asked = Span(moment_ms(args.start), until)
    console, errors = _console(), console_for(sys.stderr)
    progress = ProgressLine(errors)
    try:
        for series in wanted:
            if errors.is_terminal:
                progress.show(f"fetching {series}", None)
            else:
                errors.print(f"fetching {series}...")
            loaded = fetch_into_cache(
                series.symbol,
                str(series.timeframe),
                args.start,
                args.end,
                args.data_dir,
                lambda share, message: progress.show(message, share),
                funding=not args.no_funding,
            )
            progress.clear()
            for line in data_text.fetched(loaded.series or series, loaded, asked):
                console.print(line)
    except KeyboardInterrupt:
        progress.clear()
        errors.print("what has come is kept: the same command goes on from there")
        raise
    finally:
        progress.clear()
    return 0


def _import(args: argparse.Namespace) -> int:
    from exchange.errors import DataError
    from exchange.importing import Refused, Wishes, import_file, import_folder  # pandas: 0.3 s
    from exchange.symbol import Symbol
    from tui.commands import data_text

    wishes = Wishes(
        Symbol.parse(args.coin) if args.coin else None,
        args.timeframe,
        args.market,
        args.simulated,
        args.replace,
    )
    console = _console()
    refused: list[Refused] = []
    for path in args.paths:
        if path.is_dir():
            imported, not_taken, others = import_folder(path, args.data_dir, wishes)
            refused += not_taken
            if others:
                console.print(data_text.passed_over(others))
        else:
            imported = [import_file(path, args.data_dir, wishes)]
        for each in imported:
            for line in data_text.imported(each):
                console.print(line)
    for one in refused:
        console.print(f"not imported: {one.reason}")
    if refused:
        raise DataError(f"not imported: {plural(len(refused), 'file')}, first {refused[0].path}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from rich.text import Text

    from exchange.inspection import check  # pandas: 0.3 s
    from tui.commands import data_text

    found = _chosen(args)
    inspections = [check(holding) for holding in found]
    if args.json:
        series = [data_text.findings_document(inspection) for inspection in inspections]
        print(data_text.to_json({"series": series}))
    else:
        console = _console()
        if not found:
            console.print("nothing of that is in the cache; see gridtui data list")
        for inspection in inspections:
            for line, wrong in data_text.checked(inspection):
                console.print(Text(line, "red" if wrong else ""))
    return 0 if all(inspection.sound for inspection in inspections) else WRONG_DATA


def _clear(args: argparse.Namespace) -> int:
    from exchange.clearing import Choice, removable, remove  # pandas: 0.3 s
    from tui.commands.data_text import size_text

    symbol, timeframe = _choice(args)
    if not (symbol or timeframe or args.market or args.all or args.damaged):
        raise UsageError("say what to remove: --coin, --timeframe, --market, --damaged or --all")
    if args.all and (symbol or timeframe or args.market or args.damaged):
        raise UsageError("--all is everything: leave it out to remove only a part")
    files = removable(args.data_dir, Choice(symbol, timeframe, args.market, args.damaged))
    console = _console()
    if not files:
        console.print("nothing of that is in the cache")
        return 0
    for each in files:
        count = plural(len(each.paths), "file")
        console.print(f"{each.series!s:<24} {count:>9} {size_text(each.size_bytes):>9}")
    total = size_text(sum(each.size_bytes for each in files))
    if not args.yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("nothing was removed: without a terminal to ask on, give --yes")
        try:
            answer = input(f"remove these, {total}? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            console.print("nothing was removed")
            return 0
    console.print(f"removed {plural(remove(files), 'file')}, {total}")
    return 0


def _choice(args: argparse.Namespace) -> "tuple[Symbol | None, str | None]":
    from exchange.symbol import Symbol
    from exchange.timeframe import timeframe_ms

    if args.timeframe not in (None, "funding"):
        timeframe_ms(args.timeframe)
    return Symbol.parse(args.coin) if args.coin else None, args.timeframe


def _chosen(args: argparse.Namespace) -> "list[Holding]":
    from exchange.clearing import Choice
    from exchange.holdings import holdings

    choice = Choice(*_choice(args), args.market)
    return [holding for holding in holdings(args.data_dir) if choice.takes(holding.series)]


def _console() -> "Console":
    from engine.report import console_for  # rich and the engine: 0.4 s

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without block characters shows "?"
    return console_for(sys.stdout)
