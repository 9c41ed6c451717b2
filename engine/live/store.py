"""The files of a live run, with the guide's names; see the room `state`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.export import FILL_COLUMNS
from engine.live.memory import Memory
from exchange.checks import CANDLE_COLUMNS
from exchange.symbol import Symbol
from state.journal import Journal
from state.recording import Recording, Row
from state.snapshot import Snapshots
from state.trades import TradeFiles

LIVE_TRADE_COLUMNS = (
    *FILL_COLUMNS,
    "bar",
    "bar_time",
    "trade_id",
    "client_id",
    "entry_price",
    "hold_hours",
    "r",
)
EQUITY_COLUMNS = ("time", "equity", "wallet", "regime", "close", "decided", "paused")
"""At each close. `decided` is 0 of a bar that was only caught up with, `paused` 1 of one in which
entries were held back for a time."""

RATE_COLUMNS = ("time", "rate")

_CHECKPOINT_MS = 3_600_000
_JOURNAL_KEPT = 5_000
"""Records; more as long as a checkpoint needs them."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was found on disk, and a sentence for each thing that had to be repaired.

    Attributes:
        doubts: why what was done last may not be known; empty when all of it is.
    """

    memory: Memory
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()


class RunStore:
    """Everything that one bot writes; one writer.

    Args:
        folder: `data/live_state`.
        symbol: of the run.

    Raises:
        StateError: the folder or a file cannot be used.
    """

    def __init__(self, folder: Path, symbol: Symbol) -> None:
        self.folder = folder
        self._snapshots = Snapshots(folder, symbol.id)
        self._journal_path = folder / f"{symbol.id}_journal.jsonl"
        self.journal = Journal(self._journal_path)
        self.trades = TradeFiles(folder, symbol.id, LIVE_TRADE_COLUMNS)
        self.candles = Recording(folder / f"{symbol.id}_candles.csv", CANDLE_COLUMNS_BY_TIME)
        self.rates = Recording(folder / f"{symbol.id}_rates.csv", RATE_COLUMNS)
        self.equity = Recording(folder / f"{symbol.id}_equity.csv", EQUITY_COLUMNS)
        self._checkpoint_ms = self._snapshots.newest_ms()
        self._journal_from = self.journal.first_seq

    def save(self, memory: Memory, now_ms: int) -> None:
        """Put the memory on disk; once an hour also as a checkpoint that stays.

        Raises:
            StateError: the disk is full or not writable; the file is as before.
        """
        memory.journal_seq = self.journal.last_seq
        document = memory.to_document()
        self._snapshots.save(document)
        # a clock that was set back must not keep checkpoints from being written
        if abs(now_ms - self._checkpoint_ms) >= _CHECKPOINT_MS:
            self._snapshots.checkpoint(document, now_ms)
            self._checkpoint_ms = now_ms
            self._bound_journal(memory.journal_seq)

    def restored(self) -> list[str]:
        """A sentence for each file that was found gone since the last call, and written anew."""
        files = (self._snapshots, self.journal, self.trades, self.candles, self.rates, self.equity)
        return [said for file in files for said in file.restored()]

    def _bound_journal(self, last: int) -> None:
        """Each checkpoint needs what the journal has after it."""
        if last - self._journal_from > 2 * _JOURNAL_KEPT:
            oldest = self._snapshots.oldest()
            needed = last if oldest is None else int(oldest["journal_seq"])
            self._journal_from = min(needed, last - _JOURNAL_KEPT) + 1
            self.journal.forget(self._journal_from)

    def load(self) -> Restored | None:
        """What was saved last; None if nothing was.

        Raises:
            StateError: files are there but none can be used.
            DataError: a document of another format.
        """
        loaded = self._snapshots.load()
        if loaded is None:
            return None
        memory = Memory.from_document(loaded.document)
        notes = (*loaded.notes, *self.journal.notes)
        doubts = []
        if loaded.checkpoint:
            doubts.append(f"the last state is lost, {loaded.source.name} is older")
        if complaint := self.journal.complaint(memory.journal_seq):
            doubts.append(complaint)
        if self.journal.last_seq < memory.journal_seq:
            # it was lost: a number that the memory has seen already would not be read again
            self.journal.close()
            self.journal = Journal(self._journal_path, memory.journal_seq)
        self.trades.keep_first(int(memory.kernel["trades"][0]))
        return Restored(memory, notes, tuple(doubts))

    def told(self, before_ms: int) -> tuple[list[dict[str, Any]], list[Row]]:
        """The trade log and the bars that opened before a time, rows of EQUITY_COLUMNS, as far as
        they are on disk; the oldest first.

        Raises:
            StateError: a file cannot be read.
        """
        return self.trades.rows(), [row for row in self.equity.rows() if _opened(row) < before_ms]

    def write_trades(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows of the trade log."""
        self.trades.append(rows)

    def close(self) -> None:
        """Close every file."""
        for file in (self.journal, self.trades, self.candles, self.rates, self.equity):
            file.close()


def _opened(row: Row) -> float:
    return row[0] or 0


CANDLE_COLUMNS_BY_TIME = ("time", *CANDLE_COLUMNS[1:])
