"""`gridtui monitor`: watch a bot that runs on this machine, and steer it if allowed."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.commands.control import add_which, meant

if TYPE_CHECKING:
    from tui.bots import RunningBot


def add_monitor(commands: Any) -> None:
    command = commands.add_parser(
        "monitor",
        help="watch a bot that runs on this machine",
        description="Show where a bot stands, then what it does. Without SYMBOL the bots are "
        "listed; if there is one alone, it is watched.",
    )
    command.set_defaults(run=_monitor)
    command.add_argument("symbol", nargs="?", metavar="SYMBOL", help="BTC, BTCUSDT, BTC/USDT")
    command.add_argument("--control", action="store_true", help="keys steer the bot, too")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    add_which(command)


def _monitor(args: argparse.Namespace) -> int:
    """Raises StateError: nobody answers, or the connection broke."""
    from state.errors import StateError
    from tui.bot.pulse import is_silence
    from tui.bots import bots

    if args.symbol:
        bot = meant(args)
    else:
        found = bots(mode=args.mode)
        if len(found) != 1:
            _list(found)
            print("choose one: gridtui monitor SYMBOL" if found else "no bot runs here")
            return 0
        bot = found[0]
    from tui.console.watching import watch  # pandas, rich: 1 s

    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout))
    try:
        return watch(bot.socket, control=args.control, as_json=args.json, screen=terminal)
    except StateError as error:
        if not is_silence(error):
            raise
        words = f"{bot.holder.symbol_id} ({bot.holder.mode}) is {_silence(bot)}"
        raise StateError(words) from error


def _list(found: list["RunningBot"]) -> None:
    from tui.bot.pulse import PATIENCE_S, hear_all

    for bot, pulse in zip(found, hear_all(found, PATIENCE_S), strict=True):
        print(f"{bot.line}: {_silence(bot) if pulse is None else pulse.words}")


def _silence(bot: "RunningBot") -> str:
    from exchange.symbol import Symbol
    from tui.bot.census import last_written
    from tui.bot.pulse import PATIENCE_S

    holder = bot.holder
    wrote = last_written(Path(holder.data_folder), holder.mode, Symbol.parse(holder.symbol_id))
    last = f"; it wrote last {wrote:%Y-%m-%d %H:%M:%S}Z" if wrote else ""
    return (
        f"SILENT: no answer within {PATIENCE_S:g} s{last}. Process {holder.pid} is there, but held "
        "or hanging"
    )
