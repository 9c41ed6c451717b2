"""`gridtui parity`: a live run against the backtest of its own candles."""

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.live.folders import MODES, state_folder
from tui.commands.grammar import add_data_dir
from tui.errors import UsageError
from tui.folders import data_folder

if TYPE_CHECKING:
    import pandas as pd

    from engine.live.parity_run import RecordedRun
    from exchange.symbol import Symbol

_DIFFERENT = 1


def add_parity(commands: Any) -> None:
    command = commands.add_parser(
        "parity",
        help="compare a live run with the backtest of its own candles",
        description="Replay the candles that a live run recorded through the backtest, and name "
        "every decision in which the two differ, its cause, and what it cost. The run may be "
        "under way; its files are only read.",
    )
    command.set_defaults(run=_parity)
    add = command.add_argument
    add("symbol", metavar="SYMBOL", help="the coin, in any spelling")
    add("--mode", choices=MODES, help="which run (default: the only one there is)")
    add("--detail-timeframe", metavar="TF", help="finer candles that the backtest's orders fill on")
    add(
        "--detail-source",
        metavar="WHERE",
        help="where they come from: binance, sim, cache or a folder (environment GRIDTUI_SOURCE, "
        "else binance)",
    )
    add("--all", action="store_true", help="every difference, not only the first 20")
    add("--strict", action="store_true", help="exit code 1 if there is a difference")
    add("--json", action="store_true", help="print one JSON document and nothing else")
    add_data_dir(command)


def _parity(args: argparse.Namespace) -> int:
    from exchange.symbol import Symbol

    if args.detail_source and not args.detail_timeframe:
        raise UsageError("--detail-source needs a --detail-timeframe")
    symbol = Symbol.parse(args.symbol)
    mode, folder = _folder(args, symbol)
    from engine.live.parity import compare  # pandas and numba: most of a second
    from engine.live.parity_run import load_run
    from engine.progress import ProgressLine
    from engine.report import console_for

    progress = ProgressLine(console_for(sys.stderr))
    try:
        progress.show("replaying the run", None)
        run = load_run(folder, symbol)
        detail = _detail(args, run) if args.detail_timeframe else None
        parity = compare(run, detail)
    finally:
        progress.clear()
    if args.json:
        from engine.document import to_json
        from engine.live.parity_report import parity_document

        print(to_json(parity_document(parity, mode)))
    else:
        from engine.live.parity_report import FIRST, print_parity

        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without box lines shows "?"
        print_parity(parity, mode, console_for(sys.stdout), None if args.all else FIRST)
    return _DIFFERENT if args.strict and parity.differences else 0


def _folder(args: argparse.Namespace, symbol: "Symbol") -> tuple[str, Path]:
    """The mode whose run is meant, and its folder."""
    folders = {mode: state_folder(data_folder(args.data_dir), mode) for mode in MODES}
    if args.mode:
        return args.mode, folders[args.mode]
    there = [
        mode for mode, folder in folders.items() if (folder / f"{symbol.id}_state.json").exists()
    ]
    if len(there) > 1:
        raise UsageError(
            f"there are runs of {symbol} in the modes {', '.join(there)}: choose with --mode"
        )
    if not there:
        raise UsageError(f"no run of {symbol} is recorded in {folders['live']}")
    return there[0], folders[there[0]]


def _detail(args: argparse.Namespace, run: "RecordedRun") -> "pd.DataFrame":
    from exchange.candles import fetch_data

    time = run.features.time
    return fetch_data(
        run.symbol,
        args.detail_timeframe,
        int(time[run.began]),
        int(time[run.bars]),
        source=args.detail_source,
        data_dir=args.data_dir,
    )
