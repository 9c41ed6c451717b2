"""The command line of gridtui; without a command it opens the screens.

Nothing heavy is imported here: `gridtui --version` and `--help` answer at once.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import __version__
from engine.errors import ParameterError
from exchange.errors import DataError
from state.errors import StateError
from tui.commands.apply import add_apply
from tui.commands.backtest import add_backtest
from tui.commands.control import add_control
from tui.commands.data import add_data
from tui.commands.demo import add_demo
from tui.commands.doctor import add_doctor
from tui.commands.grammar import DATA_DIR_HELP, Parser, require_terminal
from tui.commands.keys import add_keys
from tui.commands.live import add_live
from tui.commands.monitor import add_monitor
from tui.commands.optimize import add_optimize
from tui.commands.paper import add_paper
from tui.commands.parity import add_parity
from tui.commands.replay import add_replay
from tui.crash import debugging, told
from tui.errors import UsageError
from tui.folders import data_folder

UNEXPECTED = 1
USER_ERROR = 2
INTERRUPTED = 130
READER_GONE = 141  # what a shell reports of a program whose reader has gone away


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); returns the exit code.

    What a user can cause ends in one line on stderr and exit code 2, an interrupt in 130, a
    reader that has gone away in 141 without a word; a defect in one line, a report in the data
    folder and exit code 1. Given an `argv`, it leaves the priority of its caller's process alone.
    """
    _open_missing_streams()
    args = argparse.Namespace(data_dir=None, own_process=argv is None)
    try:
        _parse(argv, args)
        code: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _leave(INTERRUPTED, "stopped")
    except BrokenPipeError:
        return _leave(READER_GONE, "")
    except (ParameterError, DataError, StateError, UsageError) as error:
        return _leave(USER_ERROR, str(error))
    except OSError as error:
        what = f"cannot use {error.filename}: " if error.filename else "cannot write: "
        return _leave(USER_ERROR, what + (error.strerror or str(error)))
    except Exception as error:
        if debugging():
            raise
        return _leave(UNEXPECTED, told(error, data_folder(args.data_dir)))
    return code


def _parse(argv: Sequence[str] | None, args: argparse.Namespace) -> None:
    """The command line into `args`."""
    try:
        _parser().parse_args(argv, args)
    except SystemExit:  # argparse has shown help or the version
        args.run = lambda _: 0


def _open_missing_streams() -> None:
    """A process without standard streams (cron, `>&-`) writes into nothing."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+"))  # noqa: SIM115 (it stays open)


def _parser() -> Parser:
    top = Parser(
        prog="gridtui",
        description="Backtest a hedge-mode grid strategy on USDT perpetual futures. Without a "
        "command the screens open.",
    )
    top.add_argument("--version", action="version", version=f"gridtui {__version__}")
    top.add_argument("--data-dir", type=Path, metavar="DIR", help=DATA_DIR_HELP)
    top.set_defaults(run=_open_screens)
    commands = top.add_subparsers(metavar="command", parser_class=Parser)
    for add in (
        add_demo,
        add_backtest,
        add_optimize,
        add_apply,
        add_live,
        add_monitor,
        add_replay,
        add_control,
        add_parity,
        add_doctor,
        add_data,
        add_paper,
        add_keys,
    ):
        add(commands)
    return top


def _open_screens(args: argparse.Namespace) -> int:
    require_terminal()
    from tui.run_app import run_app  # Textual: 0.3 s

    return run_app(args.data_dir)


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


if __name__ == "__main__":
    sys.exit(main())
