"""Every bot that this machine knows of: those that run, and those of which files are left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from engine.live.folders import MODES, log_file, state_folder
from engine.wording import plural
from exchange.client_ids import ClientId
from exchange.errors import DataError
from exchange.symbol import Symbol
from state.exact_json import decode
from state.lock import FoundLock, Holder, running_bots
from tui.bot.record import ENDING
from tui.bots import RunningBot

Condition = Literal["running", "starting", "crashed", "stopped", "ended"]

_ORDER: tuple[Condition, ...] = ("running", "starting", "crashed", "stopped", "ended")
_SIDES = ("long", "short")
_STATE = "_state.json"
_STOPPING = "stopping"
"""Why no entry rests, in the state of a bot that was stopped (`engine.live.asked`)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a state file says, as it was when it was written.

    Attributes:
        held: quantity of each side, long first, coins.
        orders: how many may rest at the exchange; `entries`: of them.
        trouble: why the file cannot be read, else "".
        written: when it was, UTC; None of what the bot itself has told.
        stopped: whether the bot had come to the end of a stop; None where that cannot be seen, as
            when nothing rests.
    """

    equity: float | None = None
    held: tuple[float, float] = (0.0, 0.0)
    lots: int = 0
    orders: int = 0
    entries: int = 0
    trouble: str = ""
    written: datetime | None = None
    stopped: bool | None = None

    @property
    def left(self) -> str:
        """`2 lots (long 0.046) and 5 orders`."""
        held = [f"{name} {qty:g}" for name, qty in zip(_SIDES, self.held, strict=True) if qty]
        sides = f" ({', '.join(held)})" if held else ""
        return f"{plural(self.lots, 'lot')}{sides} and {plural(self.orders, 'order')}"


@dataclass(frozen=True, slots=True)
class KnownBot:
    """A bot that runs, or has run, with its files in one folder.

    Attributes:
        condition: `running`; `starting` while nobody can reach it; `crashed`: its lock was left
            behind, or a state that is not the one of a stop, whoever has its lock by now;
            `stopped`: its state is on disk; `ended`: it was on paper, of which nothing is left to
            go on with.
        since: when it began if it runs, else when it wrote its state last, or anything at all if it
            has crashed; UTC.
        wrote: when it wrote last into its state, log or record, UTC; None where it has none.
        holder: what its lock says; None if it has none.
        standing: what its state says; None if it has not written any.
        recorded: whether there is a record of it that can be replayed.
    """

    symbol: Symbol
    mode: str
    condition: Condition
    since: datetime
    data_folder: Path
    holder: Holder | None
    standing: Standing | None
    wrote: datetime | None = None
    recorded: bool = False

    @property
    def name(self) -> tuple[str, str, str]:
        """Equal for what is the same bot at another time."""
        return (self.symbol.id, self.mode, str(self.data_folder))

    @property
    def reachable(self) -> RunningBot | None:
        """It, where it can be told something."""
        holder = self.holder
        if self.condition != "running" or holder is None or holder.control is None:
            return None
        return RunningBot(holder, Path(holder.control))

    @property
    def resumable(self) -> bool:
        """Whether `--resume` may go on with it."""
        return self.condition in ("crashed", "stopped") and self.mode != "paper"

    @property
    def left_by_a_crash(self) -> bool:
        """Whether it has crashed and lots or orders of it are somewhere, as far as is known."""
        standing = self.standing
        if self.condition != "crashed" or standing is None:
            return False
        return bool(standing.lots or standing.orders or standing.trouble)

    @property
    def log_file(self) -> Path:
        """Of its runs."""
        return log_file(self.data_folder, self.mode, self.symbol.id)

    @property
    def record_file(self) -> Path:
        """What it tells, so that it can be replayed (`tui.bot.record`)."""
        return state_folder(self.data_folder, self.mode) / f"{self.symbol.id}{ENDING}"


class Census:
    """Counts bots; a state file that has not changed is not read again."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[tuple[int, int], Standing]] = {}
        self._ran: set[tuple[str, str, str]] = set()

    def take(self, data_folders: Iterable[Path], others: Iterable[Path] = ()) -> list[KnownBot]:
        """Bots with a lock, wherever their files are, and those with files in these folders.

        Reads files: call it in a thread. Those that run first, real money first.

        Args:
            others: folders of which those are left out that can not go on, have not crashed, and
                have not run while this census was taken.
        """
        found: dict[tuple[str, str, str], KnownBot] = {}
        locks = [(lock, lock.holder) for lock in running_bots() if lock.holder is not None]
        for lock, holder in locks:
            bot = self._of_lock(lock, holder)
            # one that runs says more than what another account has left in the same folder
            if bot is not None and (lock.held or bot.name not in found):
                found[bot.name] = bot
        self._ran |= found.keys()
        folders = {folder.absolute() for folder in data_folders}
        folders |= {Path(holder.data_folder) for _, holder in locks}
        for folder in folders.union(others):
            for mode in MODES:
                for path in sorted(_listed(state_folder(folder, mode))):
                    left = self._of_files(path, mode, folder)
                    if left is None:
                        continue
                    counts = left.resumable or left.condition == "crashed"
                    if folder in folders or counts or left.name in self._ran:
                        found.setdefault(left.name, left)
        bots = [replace(bot, recorded=bot.record_file.exists()) for bot in found.values()]
        return sorted(bots, key=_rank)

    def _of_lock(self, lock: FoundLock, holder: Holder) -> KnownBot | None:
        symbol = _symbol(holder.symbol_id)
        if symbol is None or holder.mode not in MODES:
            return None
        folder = Path(holder.data_folder)
        path = state_folder(folder, holder.mode) / f"{symbol.id}{_STATE}"
        if not lock.held:
            condition: Condition = "crashed"
        elif holder.control is None or not Path(holder.control).exists():
            condition = "starting"
        else:
            condition = "running"
        began, wrote = _moment(holder.started), last_written(folder, holder.mode, symbol)
        since = began if lock.held else wrote or began
        standing = self._standing(path) if path.exists() else None
        return KnownBot(symbol, holder.mode, condition, since, folder, holder, standing, wrote)

    def _of_files(self, path: Path, mode: str, folder: Path) -> KnownBot | None:
        symbol = _symbol(path.name.removesuffix(_STATE))
        if symbol is None:
            return None
        standing = self._standing(path)
        condition: Condition = "ended" if mode == "paper" else "stopped"
        if standing.stopped is False or (standing.entries and mode != "paper"):
            condition = "crashed"
        wrote = last_written(folder, mode, symbol)
        since = wrote if condition == "crashed" else _written(path)
        since = since or datetime.now(UTC)
        return KnownBot(symbol, mode, condition, since, folder, None, standing, wrote)

    def _standing(self, path: Path) -> Standing:
        try:
            about = path.stat()
            mark = (about.st_mtime_ns, about.st_size)
            known = self._read.get(path)
            if known is not None and known[0] == mark:
                return known[1]
            written = datetime.fromtimestamp(about.st_mtime, UTC)
            standing = replace(_standing_in(decode(path.read_bytes())), written=written)
        except OSError as error:
            return Standing(trouble=f"its state cannot be read: {error.strerror}")
        except (ValueError, LookupError, TypeError, AttributeError):
            standing = Standing(trouble="its state is damaged")
        self._read[path] = (mark, standing)
        return standing


def standing_of(holder: Holder) -> Standing | None:
    """What the state file of a lock's bot says; None if there is none. Reads files."""
    folder = state_folder(Path(holder.data_folder), holder.mode)
    path = folder / f"{holder.symbol_id}{_STATE}"
    return Census()._standing(path) if path.exists() else None


def last_written(folder: Path, mode: str, symbol: Symbol) -> datetime | None:
    """When the newest of what a bot keeps was written, UTC; None where it has left nothing."""
    states = state_folder(folder, mode)
    names = (states / f"{symbol.id}{_STATE}", states / f"{symbol.id}{ENDING}")
    moments = map(_written, (*names, log_file(folder, mode, symbol.id)))
    return max((moment for moment in moments if moment is not None), default=None)


def _standing_in(content: Mapping[str, Any]) -> Standing:
    """A state file's content as numbers. Raises ValueError, LookupError or TypeError."""
    document = content["document"]
    account = document["account"]
    alive = [order["client_id"] for order in document["orders"] if order["status"] != "gone"]
    roles = [known.role for known in map(ClientId.parse, alive) if known is not None]
    long, short = (account[name] for name in _SIDES)
    # the equity is that of the last bar's end; what was closed since is in the wallet alone
    flat = not long["lots"] and not short["lots"] and "wallet" in account
    entries = roles.count("entry")
    stopped = None
    lots = len(long["lots"]) + len(short["lots"])
    if (alive or lots) and "paused" in document:
        stopped = _STOPPING in document["paused"] and not entries
    return Standing(
        equity=float(account["wallet" if flat else "equity"]),
        held=(float(long["qty"]), float(short["qty"])),
        lots=lots,
        orders=len(alive),
        entries=entries,
        stopped=stopped,
    )


def _rank(bot: KnownBot) -> tuple[int, int, str, str]:
    return (
        _ORDER.index(bot.condition),
        MODES.index(bot.mode),
        bot.symbol.id,
        str(bot.data_folder),
    )


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.glob(f"*{_STATE}"))
    except OSError:
        return []


def _symbol(symbol_id: str) -> Symbol | None:
    try:
        return Symbol.parse(symbol_id)
    except DataError:
        return None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _written(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
