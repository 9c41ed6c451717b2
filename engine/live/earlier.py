"""What an earlier run has left on the disk, and putting it aside when a fresh one begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from engine.errors import ParameterError
from engine.live.desk import remembered
from engine.live.memory import Memory
from engine.params import StrategyParams
from engine.wording import plural
from exchange.broker import PlacedOrder
from exchange.errors import DataError
from exchange.symbol import Symbol
from state.durable import make_folder
from state.errors import StateError, os_failure
from state.journal import Journal
from state.snapshot import Snapshots

SHELF = "old"


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier run: its parameters, and what it may still have at the exchange.

    Attributes:
        run: its part of every order id.
        source: the file that says so.
        lots: how many it holds.
        orders: how many of its orders may rest, or be on their way.
        not_ours: what each side of the account held beyond its lots, coins.
        notes: a sentence for each file that could not be used.
    """

    run: str
    source: Path
    params: StrategyParams
    timeframe: str
    capital: float
    lots: int
    orders: int
    not_ours: tuple[Decimal, ...]
    notes: tuple[str, ...]

    @property
    def unfinished(self) -> bool:
        """Whether something of it is still at the exchange."""
        return bool(self.lots or self.orders)

    @property
    def left(self) -> str:
        """`2 lots and 3 orders`, for people."""
        return f"{plural(self.lots, 'lot')} and {plural(self.orders, 'order')}"


def earlier_run(folder: Path, symbol: Symbol) -> Earlier | None:
    """The run of a symbol whose state lies in `folder`; None if there is none.

    For whoever holds its lock: what a crash has torn is repaired by looking.

    Raises:
        StateError: files are there but none can be used.
        DataError: a state of another format.
        ParameterError: its parameters are not those of this version.
    """
    if not any(folder.glob(f"{symbol.id}_s*.json")):
        return None
    loaded = Snapshots(folder, symbol.id).load()
    if loaded is None:
        return None
    memory = Memory.from_document(loaded.document)
    try:
        params = StrategyParams(**memory.params)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the parameters in the state cannot be used: {error}") from error
    lots = int(memory.kernel[0]["sides"]["lot_count"].sum())
    alive = {str(sent.client_id) for sent in memory.alive} | _written_since(folder, symbol, memory)
    return Earlier(
        memory.run,
        loaded.source,
        params,
        memory.timeframe,
        memory.capital,
        lots,
        len(alive),
        tuple(memory.not_ours),
        loaded.notes,
    )


def damaged_states(folder: Path, symbol: Symbol) -> list[Path]:
    """Files of a symbol's state that were found damaged, and kept aside."""
    return sorted(folder.glob(f"{symbol.id}_s*.json.damaged*"))


def strays(orders: Iterable[PlacedOrder], run: str | None = None) -> int:
    """How many of the orders were laid by a run other than `run`, here or on another machine."""
    return sum(order.ours is not None and order.ours.run != run for order in orders)


def refuse_strays(orders: Iterable[PlacedOrder]) -> None:
    """See that no order rests of which the files know nothing.

    Raises:
        DataError: one does: it may protect a position.
    """
    found = strays(orders)
    if found:
        raise DataError(
            f"{strays_text(found)}, and they may protect a position: look at the exchange, then "
            "--fresh leaves them alone and begins anew"
        )


def strays_text(count: int) -> str:
    """What orders are that were laid by a run whose files are not here."""
    return f"an earlier gridtui run whose files are missing: {plural(count, 'order')}"


def _written_since(folder: Path, symbol: Symbol, memory: Memory) -> set[str]:
    """Orders that were written down after the state was saved: they may have been sent."""
    path = folder / f"{symbol.id}_journal.jsonl"
    if not path.exists():
        return set()
    journal = Journal(path)
    try:
        records = journal.records(memory.journal_seq)
    finally:
        journal.close()
    written = (remembered(entry.record) for entry in records)
    return {str(sent.client_id) for sent in written if sent and sent.client_id.run == memory.run}


def put_aside(folder: Path, symbol: Symbol) -> Path | None:
    """Move every file of a symbol to `old/{time}/`, the state first; returns that folder.

    Raises:
        StateError: a file cannot be moved.
    """
    files = sorted(folder.glob(f"{symbol.id}_*"), key=lambda path: "_state" not in path.name)
    if not files:
        return None
    aside = _new_folder(folder / SHELF)
    for path in files:
        try:
            path.rename(aside / path.name)
        except OSError as error:
            raise os_failure("move", path, error) from error
    return aside


def _new_folder(shelf: Path) -> Path:
    """Named after the time, to the microsecond: two never share one."""
    folder = shelf / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}"
    if folder.exists():
        raise StateError(f"{folder} is there already; try again")
    make_folder(folder)
    return folder
