"""Bots that run no more, for commands to whoever trades a coin: what they left, and what helps."""

import argparse
import shlex
from datetime import datetime
from typing import TYPE_CHECKING

from tui.errors import UsageError
from tui.folders import data_folder, demo_folder

if TYPE_CHECKING:
    from tui.bot.census import KnownBot

_AT_EXCHANGE = ("live", "demo")
"""Modes whose lots and orders outlive the bot where they can be filled."""


def crashed_bots(args: argparse.Namespace) -> list["KnownBot"]:
    """All that the arguments do not exclude, the gravest first. Reads files.

    Raises:
        DataError: the symbol is none.
    """
    return [bot for bot in _gone(args) if bot.condition == "crashed"]


def crash_of(args: argparse.Namespace) -> str:
    """What is said of the bot that is meant, if it has crashed, else "". As `crashed_bots`."""
    bot = next(iter(_gone(args)), None)
    return crash_line(bot) if bot is not None and bot.condition == "crashed" else ""


def end_of(args: argparse.Namespace, word: str) -> str:
    """What is said of the bot that is meant, if it has ended in good order, so that there is
    nothing to do for `stop`, `flatten` or `pause`; "" for other words, and where none is known.

    Raises:
        UsageError: all is to be closed, and the bot that could do so has ended.
        DataError: the symbol is none.
    """
    bot = next(iter(_gone(args)), None)
    if bot is None or bot.condition == "crashed" or word not in ("stop", "flatten", "pause"):
        return ""
    ended = f"{bot.symbol.pair} ({bot.mode}) has ended at {_moment(bot.since)}"
    left = "" if bot.mode == "paper" else _left(bot)
    if word == "flatten" and left:
        raise UsageError(f"{ended}, nothing was closed: {left}; {_again(bot)}")
    nothing = "close" if word == "flatten" else word
    return f"{ended}, nothing to {nothing}" + (f"; {left}" if left else "")


def crash_line(bot: "KnownBot") -> str:
    """One line for people."""
    left = _left(bot) or "nothing is left of it"
    return f"{bot.symbol.pair} {bot.mode} crashed {_moment(bot.since)}, {left}; {_again(bot)}"


def _gone(args: argparse.Namespace) -> list["KnownBot"]:
    from exchange.symbol import Symbol
    from tui.bot.census import Census
    from tui.bot.data_folders import remembered

    folder = data_folder(args.data_dir)
    places = [folder] if args.data_dir else [folder, demo_folder(folder), *remembered()]
    wanted = Symbol.parse(args.symbol) if args.symbol else None
    found = [
        bot
        for bot in Census().take(places)
        if bot.condition in ("crashed", "stopped", "ended")
        and wanted in (None, bot.symbol)
        and args.mode in (None, bot.mode)
        and (not args.data_dir or bot.data_folder == folder)
    ]

    def rank(bot: "KnownBot") -> tuple[bool, bool, float]:
        grave = bot.mode in _AT_EXCHANGE and bot.left_by_a_crash
        return not grave, bot.data_folder != folder, -bot.since.timestamp()

    return sorted(found, key=rank)


def _left(bot: "KnownBot") -> str:
    """`2 lots (long 0.046) and 4 orders at the exchange`; "" where nothing is left."""
    standing = bot.standing
    if standing is None:
        return "it has written no state"
    if standing.trouble:
        return standing.trouble
    if not standing.lots and not standing.orders:
        return ""
    return f"{standing.left} {'at the exchange' if bot.mode in _AT_EXCHANGE else 'in its state'}"


def _again(bot: "KnownBot") -> str:
    """What can be typed."""
    from tui.bot.launch import FLAGS

    where = [] if bot.data_folder == data_folder(None) else ["--data-dir", str(bot.data_folder)]
    resumed, does = (["--resume"], "goes on") if bot.mode != "paper" else ([], "begins anew")
    typed = ["gridtui", *where, "live", "--coin", bot.symbol.coin, *FLAGS[bot.mode], *resumed]
    return f"{shlex.join(typed)} {does}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
