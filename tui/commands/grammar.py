"""What all commands share: the parser, its errors of one line, and the flag for the data folder."""

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

DATA_DIR_HELP = "cache, output and charts go there (environment GRIDTUI_DATA, else ./data)"


class UsageError(Exception):
    """A command line that does not follow the grammar, or a command in the wrong place."""


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
