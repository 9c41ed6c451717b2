"""`gridtui stop`, `pause`, `resume`, `adopt` and `disown`: a word to a bot on this machine."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.live.folders import MODES
from tui.commands.grammar import word_was_typed
from tui.errors import NoBotError, UsageError
from tui.folders import data_folder

if TYPE_CHECKING:
    from tui.bots import RunningBot


def add_control(commands: Any) -> None:
    stop = commands.add_parser(
        "stop",
        help="stop a bot: entries go, positions keep their take-profits and stops",
        description="Stop a bot. It is done when the exchange has confirmed it.",
    )
    stop.set_defaults(run=_stop)
    stop.add_argument("symbol", metavar="SYMBOL", help="BTC, BTCUSDT, BTC/USDT")
    stop.add_argument(
        "--flatten", action="store_true", help="cancel everything and close both sides at market"
    )
    stop.add_argument("--yes", action="store_true", help="do not ask before closing everything")
    add_which(stop)
    for name, text in (
        ("pause", "cancel a bot's entries until it is resumed; it goes on with the rest"),
        ("resume", "let a paused bot lay entries again"),
        ("adopt", "let a bot take the exchange's positions for its own, where the two differ"),
        ("disown", "let a bot leave alone what the exchange holds beyond the bot's lots"),
    ):
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(run=_tell, word=name)
        command.add_argument("symbol", metavar="SYMBOL", help="BTC, BTCUSDT, BTC/USDT")
        add_which(command)


def add_which(parser: argparse.ArgumentParser) -> None:
    """--mode and --data-dir, where several bots trade one coin."""
    parser.add_argument("--mode", choices=MODES, help="of the bot, where there are several")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="of the bot, where there are several",
    )


def meant(args: argparse.Namespace) -> "RunningBot":
    """The bot of the arguments: that of the own data folder where there are several.

    Raises:
        NoBotError: none runs.
        UsageError: several do, or it has crashed.
        DataError: the symbol is none.
    """
    from tui.bots import the_bot

    folder, strict = data_folder(args.data_dir), bool(args.data_dir)
    try:
        return the_bot(args.symbol, args.mode, folder, strict=strict)
    except NoBotError as none:
        from tui.commands.gone import crash_of

        if crash := crash_of(args):
            raise UsageError(crash) from none
        raise


def _running(args: argparse.Namespace, word: str) -> "RunningBot | None":
    """As `meant`; None of one that has ended in good order, which is said, where that is as good
    as if it had been told."""
    try:
        return meant(args)
    except NoBotError:
        from tui.commands.gone import end_of

        said = end_of(args, word)
        if not said:
            raise
        print(said)
        return None


def _stop(args: argparse.Namespace) -> int:
    bot = _running(args, "flatten" if args.flatten else "stop")
    if bot is None:
        return 0
    if not args.flatten:
        return _ask(bot, "stop")
    if not args.yes:
        from tui.bots import word_to_close

        word = word_to_close(bot.pair, bot.holder.mode)
        if not sys.stdin.isatty():
            raise UsageError("everything is closed without being asked about only with --yes")
        print(f"{bot.line}: every order is cancelled, both sides are closed at market")
        if not word_was_typed(word, "do it"):
            print("nothing was done")
            return 0
    return _ask(bot, "flatten")


def _tell(args: argparse.Namespace) -> int:
    bot = _running(args, args.word)
    return 0 if bot is None else _ask(bot, args.word)


def _ask(bot: "RunningBot", word: str) -> int:
    """Exit code 0 only when the bot has confirmed it.

    Raises:
        UsageError: the bot says no.
        StateError: no answer, so that nobody knows.
    """
    import asyncio

    from state.control_client import RefusedError

    # as it was typed: a flatten is a stop there
    typed = "stop --flatten" if word == "flatten" else word
    try:
        print(asyncio.run(_answer(bot, word, typed)))
    except RefusedError as refusal:
        raise UsageError(f"{word} of {bot.holder.symbol_id} is not done: {refusal}") from refusal
    return 0


async def _answer(bot: "RunningBot", word: str, typed: str) -> object:
    """Raises RefusedError, StateError; of a bot that is silent as long as it has been told
    nothing the words say so."""
    from state.control_client import ControlClient
    from state.errors import StateError
    from tui.bot.pulse import PATIENCE_S, is_silence
    from tui.bots import ANSWER_S

    try:
        client = await ControlClient.connect(
            bot.socket, origin=f"gridtui {typed}", timeout_s=PATIENCE_S
        )
    except StateError as error:
        if not is_silence(error):
            raise
        raise StateError(f"{typed} is not done: {without_answer(bot, PATIENCE_S)}") from error
    async with client:
        if word == "resume" and (said := _not_paused(client.snapshot.document)):
            return f"{bot.pair} {said}"
        return await client.command(word, timeout_s=ANSWER_S)


def _not_paused(document: Mapping[str, Any]) -> str:
    """Why a bot, by its own word, is not to be resumed; "" where it may be."""
    account = document.get("account")
    if not isinstance(account, Mapping) or account.get("paused") != []:
        return ""
    if account.get("halted"):
        return "was not paused; the circuit breaker has halted: no entries until the fall has ended"
    return "was not paused"


def without_answer(bot: "RunningBot", within_s: float) -> str:
    """Of a bot whose process lives and is silent: since when, and what can be done."""
    holder = bot.holder
    goes_on = "" if holder.mode == "paper" else ", and --resume goes on with what it has"
    return (
        f"{bot.pair} ({holder.mode}, process {holder.pid}) is running but gives no answer (within "
        f"{within_s:g} s){wrote_last(bot)}; if it is held, kill -CONT {holder.pid} lets it go on, "
        f"if it hangs, kill -9 {holder.pid} ends it{goes_on}"
    )


def wrote_last(bot: "RunningBot") -> str:
    """`; it wrote last 2025-01-10 12:00:00Z`; "" where it has written nothing."""
    from exchange.symbol import Symbol
    from tui.bot.census import last_written

    holder = bot.holder
    wrote = last_written(Path(holder.data_folder), holder.mode, Symbol.parse(holder.symbol_id))
    return f"; it wrote last {wrote:%Y-%m-%d %H:%M:%S}Z" if wrote else ""
