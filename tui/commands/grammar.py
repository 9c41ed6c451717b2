"""What commands share: the parser, errors of one line, flags, the word before a danger."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tui.errors import UsageError

DATA_DIR_HELP = "cache, output and charts go there (environment GRIDTUI_DATA, else ./data)"


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, with errors of one line that name the nearest spelling."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{**settings, "allow_abbrev": False})

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Each command refuses what it does not know itself, rather than leave it to the top."""
        known, strange = super().parse_known_args(args, namespace)
        if strange:
            near = difflib.get_close_matches(strange[0], self._option_string_actions, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            self.error(f"unrecognized arguments: {' '.join(strange)}{hint}")
        return known, []

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """--data-dir after the command's name; the one before it is kept where this is not given."""
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", default=argparse.SUPPRESS, help=DATA_DIR_HELP
    )


def require_terminal() -> None:
    """See that the screens have one: Textual draws on the error stream.

    Raises:
        UsageError: they have not.
    """
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError("the screens need a terminal; commands do not (see gridtui --help)")


def word_was_typed(word: str, what: str) -> bool:
    """Have a word typed, to the letter, before something that cannot be undone."""
    try:
        return input(f"Type {word} to {what}, anything else to leave: ").strip() == word
    except EOFError:
        return False


def add_strategy_arguments(parser: argparse.ArgumentParser, tables: str) -> None:
    """--no-short, --config and --set; `tables`: what of the file counts."""
    add = parser.add_argument
    add("--no-short", action="store_true", help="long grid only")
    add("--config", type=Path, metavar="FILE", help=f"TOML file with {tables}, or a profile's name")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="any parameter of the strategy; may be repeated",
    )


def named_config(args: argparse.Namespace) -> Path | None:
    """The file that --config means: a path, or the name of a profile of the data folder.

    Raises:
        ParameterError: neither a file nor a profile has that bare name.
    """
    from tui.folders import data_folder
    from tui.profiles import config_file  # pydantic: 0.1 s

    if args.config is None:
        return None
    return config_file(data_folder(args.data_dir), str(args.config))


def strategy_flags(args: argparse.Namespace) -> dict[str, Any]:
    """What --leverage, --no-short and --set say of the strategy; --set wins.

    Raises:
        ParameterError: an assignment that is none.
    """
    from engine.params import parse_assignment  # pydantic: 0.1 s

    flags = {"leverage": args.leverage, "allow_short": False if args.no_short else None}
    given = {name: value for name, value in flags.items() if value is not None}
    return given | dict(parse_assignment(text) for text in args.assignments)
