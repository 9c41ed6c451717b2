"""The bots that run on this machine, by the locks that they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exchange.errors import DataError
from exchange.symbol import Symbol
from state.lock import Holder, running_bots
from tui.errors import NoBotError, UsageError

ANSWER_S = 180.0
"""For the answer to a command: what it asks for has to be confirmed by the exchange."""


@dataclass(frozen=True, slots=True)
class RunningBot:
    """A bot that can be reached."""

    holder: Holder
    socket: Path

    @property
    def name(self) -> tuple[str, str, str]:
        """As `tui.bot.census.KnownBot.name`."""
        return (self.holder.symbol_id, self.holder.mode, self.holder.data_folder)

    @property
    def pair(self) -> str:
        """`BTC/USDT`; what its lock says where that is no symbol."""
        try:
            return Symbol.parse(self.holder.symbol_id).pair
        except DataError:
            return self.holder.symbol_id

    @property
    def line(self) -> str:
        """One line for people."""
        holder = self.holder
        return (
            f"{holder.symbol_id:<12} {holder.mode:<8} since {holder.started}, process "
            f"{holder.pid}, data in {holder.data_folder}"
        )


def bots(symbol: str | None = None, mode: str | None = None) -> list[RunningBot]:
    """Those that run, of a symbol (any spelling) and a mode if given.

    Raises:
        DataError: the symbol is none.
    """
    wanted = Symbol.parse(symbol).id if symbol else None
    found = []
    for lock in running_bots():
        holder = lock.holder
        if not lock.held or holder is None or holder.control is None:
            continue
        if wanted in (None, holder.symbol_id) and mode in (None, holder.mode):
            found.append(RunningBot(holder, Path(holder.control)))
    return found


def the_bot(
    symbol: str, mode: str | None, folder: Path | None = None, *, strict: bool = False
) -> RunningBot:
    """The one that is meant.

    Args:
        folder: a data folder, whose bots are preferred to those of others.
        strict: only its bots are meant.

    Raises:
        NoBotError: none runs.
        UsageError: several do.
        DataError: the symbol is none.
    """
    found = bots(symbol, mode)
    own = [bot for bot in found if folder and bot.holder.data_folder == str(folder.absolute())]
    if own or strict:
        found = own
    if len(found) == 1:
        return found[0]
    if found:
        modes = sorted({bot.holder.mode for bot in found})
        if len(modes) > 1:
            raise UsageError(
                f"several bots trade {symbol} ({', '.join(modes)}): choose one with --mode"
            )
        folders = ", ".join(sorted(bot.holder.data_folder for bot in found))
        raise UsageError(
            f"several bots trade {symbol} (data in {folders}): choose one with --data-dir"
        )
    others = bots()
    hint = f"; running: {named(others)}" if others else ""
    raise NoBotError(f"no bot that could be reached trades {symbol} on this machine{hint}")


def word_to_close(pair: str, mode: str) -> str:
    """What is typed before everything is closed: `BTC`; of real money its own, `BTC LIVE`, which
    nobody types who means a bot without."""
    coin = pair.partition("/")[0]
    return f"{coin} LIVE" if mode == "live" else coin


def named(found: Sequence[RunningBot]) -> str:
    """`BTCUSDT (live), ETHUSDT (paper)`."""
    return ", ".join(f"{bot.holder.symbol_id} ({bot.holder.mode})" for bot in found)
