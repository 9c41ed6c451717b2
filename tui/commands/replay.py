"""`gridtui replay`: what a bot recorded of its runs, on its screens again."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.live.folders import MODES
from tui.bot.speeds import FASTEST, USUAL_SPEED
from tui.commands.grammar import add_data_dir, require_terminal
from tui.errors import UsageError

if TYPE_CHECKING:
    from tui.bot.records import FoundRecord

_MOST_LISTED = 20


def add_replay(commands: Any) -> None:
    command = commands.add_parser(
        "replay",
        help="look again at what a bot recorded",
        description="Play what a bot recorded of its runs, also of one that runs, was stopped or "
        "has crashed, on the screens of a bot. Without SYMBOL the records are listed; if there is "
        "one alone, it is played. Nothing is asked of an exchange, and no bot is told anything.",
    )
    command.set_defaults(run=_replay)
    add = command.add_argument
    add("symbol", nargs="?", metavar="SYMBOL", help="BTC, BTCUSDT, BTC/USDT, or a record's file")
    add("--mode", choices=MODES, help="of the bot, where there are several")
    add(
        "--speed",
        type=float,
        metavar="N",
        default=USUAL_SPEED,
        help=f"times the time of the record, 1 to {FASTEST:g} (default: {USUAL_SPEED:g})",
    )
    add_data_dir(command)


def _replay(args: argparse.Namespace) -> int:
    if not 1.0 <= args.speed <= FASTEST:
        raise UsageError(f"--speed {args.speed:g} is out of range: 1 to {FASTEST:g}")
    found = _meant(args)
    if found is None:
        return 0
    from tui.bot.record import Record
    from tui.bot.replay import Replay

    record = Record(found.path, found.mode or args.mode or "")
    require_terminal()
    from tui.run_app import run_app  # Textual: 0.3 s

    return run_app(args.data_dir, replay=Replay(record, args.speed))


def _meant(args: argparse.Namespace) -> "FoundRecord | None":
    """The record of the arguments; None where several were listed.

    Raises:
        UsageError: there is none, or several are meant.
        DataError: the symbol is none.
    """
    from exchange.symbol import Symbol
    from tui.bot.record import ENDING
    from tui.bot.records import record_at, records_in
    from tui.folders import data_folder, demo_folder

    if args.symbol and (args.symbol.endswith(ENDING) or "/" in args.symbol.replace("/USDT", "")):
        return record_at(Path(args.symbol))
    wanted = Symbol.parse(args.symbol).id if args.symbol else None
    folder = data_folder(args.data_dir)
    every = [
        found
        for found in records_in((folder, demo_folder(folder)))
        if wanted in (None, found.symbol.id) and args.mode in (None, found.mode)
    ]
    last = [found for found in every if not found.put_aside]
    own = [found for found in last if found.path.is_relative_to(folder / "live_state")]
    chosen = own if wanted and own else last
    if len(chosen) == 1:
        return chosen[0]
    if not every:
        whose = f" of {wanted}" if wanted else ""
        raise UsageError(
            f"no bot has recorded a run{whose} in {folder}: gridtui demo and gridtui live do, and "
            "--data-dir says where"
        )
    if wanted and len(chosen) > 1:
        modes = ", ".join(found.mode for found in chosen)
        raise UsageError(f"there are several records of {wanted} ({modes}): choose one with --mode")
    for found in every[:_MOST_LISTED]:
        print(found.line)
    if len(every) > _MOST_LISTED:
        print(f"and {len(every) - _MOST_LISTED} older ones")
    print("choose one: gridtui replay SYMBOL, or the file of a run before the last")
    return None
