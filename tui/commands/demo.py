"""`gridtui demo`: a bot on paper, and the screens that show it."""

import argparse
from typing import Any

from tui.commands.grammar import add_data_dir, require_terminal


def add_demo(commands: Any) -> None:
    command = commands.add_parser(
        "demo",
        help="look around: a bot on paper at 900 times real time, and its screens",
        description="Start a bot on paper, on a simulated market at 900 times real time, and open "
        "the screens that show it. No keys, no network, no money. Its files lie in DIR/demo. "
        "Leaving asks whether it is to be stopped.",
    )
    command.set_defaults(run=_demo)
    add_data_dir(command)


def _demo(args: argparse.Namespace) -> int:
    require_terminal()
    from tui.bot.demo import Demo
    from tui.run_app import run_app  # Textual: 0.3 s

    return run_app(args.data_dir, Demo(args.data_dir))
