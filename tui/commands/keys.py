"""`gridtui keys`: the names by which `gridtui.toml` moves keys."""

import argparse
from typing import Any

from tui.key_table import KEYS


def add_keys(commands: Any) -> None:
    command = commands.add_parser(
        "keys",
        help="every key with its id, by which gridtui.toml moves it",
        description="List what keys do: the id that stands in [keys] of gridtui.toml, the keys as "
        "they come, where they hold, and what for. The screens show those that hold (?). Moving "
        "end, flatten or resume_bot of the bot that is watched moves end_chosen, flatten_chosen or "
        "go_on of the list of bots, too, unless these have an entry of their own.",
    )
    command.set_defaults(run=_keys)


def _keys(_: argparse.Namespace) -> int:
    rows = [(key.id, key.keys, key.place, key.meaning) for key in KEYS]
    rows.insert(0, ("id", "keys", "where", "what for"))
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for *cells, meaning in rows:
        row = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        print(*row, meaning, sep="  ")
    return 0
