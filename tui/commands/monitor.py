"""`gridtui monitor`: watch a bot that runs on this machine, and steer it if allowed."""

import argparse
import sys
from typing import Any

from tui.commands.control import add_which, meant


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
    from tui.bots import bots

    if args.symbol:
        bot = meant(args)
    else:
        found = bots(mode=args.mode)
        if len(found) != 1:
            for each in found:
                print(each.line)
            print("choose one: gridtui monitor SYMBOL" if found else "no bot runs here")
            return 0
        bot = found[0]
    from tui.console.watching import watch  # pandas, rich: 1 s

    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout))
    return watch(bot.socket, control=args.control, as_json=args.json, screen=terminal)
