"""`gridtui monitor`: watch a bot that runs on this machine, and steer it if allowed."""

import argparse
import sys
from typing import TYPE_CHECKING, Any, TextIO

from tui.commands.control import add_which, meant, without_answer, wrote_last

if TYPE_CHECKING:
    from tui.bots import RunningBot


def add_monitor(commands: Any) -> None:
    command = commands.add_parser(
        "monitor",
        help="watch a bot that runs on this machine",
        description="Show where a bot stands, then what it does. Without SYMBOL the bots are "
        "listed, and those that have crashed; if one alone runs, it is watched.",
    )
    command.set_defaults(run=_monitor)
    command.add_argument("symbol", nargs="?", metavar="SYMBOL", help="BTC, BTCUSDT, BTC/USDT")
    command.add_argument("--control", action="store_true", help="keys steer the bot, too")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    add_which(command)


def _monitor(args: argparse.Namespace) -> int:
    """Raises StateError: nobody answers, or the connection broke."""
    from state.errors import StateError
    from tui.bot.pulse import PATIENCE_S, is_silence
    from tui.bots import bots

    if args.symbol:
        bot = meant(args)
    else:
        found = bots(mode=args.mode)
        if len(found) != 1:
            _list(found)
        # lines of JSON alone are for a program
        _list_crashed(args, sys.stderr if args.json else sys.stdout)
        if len(found) != 1:
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
        raise StateError(without_answer(bot, PATIENCE_S)) from error


def _list(found: list["RunningBot"]) -> None:
    from tui.bot.pulse import PATIENCE_S, hear_all

    for bot, pulse in zip(found, hear_all(found, PATIENCE_S), strict=True):
        print(f"{bot.line}: {_silence(bot) if pulse is None else pulse.words}")


def _list_crashed(args: argparse.Namespace, to: TextIO) -> None:
    from tui.commands.gone import crash_line, crashed_bots

    for bot in crashed_bots(args):
        print(crash_line(bot), file=to, flush=True)


def _silence(bot: "RunningBot") -> str:
    from tui.bot.pulse import PATIENCE_S

    return (
        f"SILENT: no answer within {PATIENCE_S:g} s{wrote_last(bot)}. Process {bot.holder.pid} is "
        "there, but held or hanging"
    )
