"""What a live run has left on the disk, as far as it can be compared with a backtest."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.account import SIDE_NAMES
from engine.features import Features
from engine.live.history import History
from engine.live.kernel import Order
from engine.live.memory import Memory
from engine.live.orders import Purpose
from engine.live.store import RunStore
from engine.params import StrategyParams
from engine.trades import BUY_OPEN_LONG, LABELS, SELL_OPEN_SHORT
from exchange.broker import FundingRate
from exchange.checks import CANDLE_COLUMNS
from exchange.client_ids import ClientId
from exchange.errors import DataError
from exchange.market import Market, market_for
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms
from state.errors import StateError
from state.journal import Entry, Journal

_STATE = ("state.json", "snapshot_*.json")
_GROWING = ("trades.jsonl", "candles.csv", "rates.csv", "equity.csv", "journal.jsonl")
_NEITHER = -1
_NEVER = 2**62

OPENINGS = (BUY_OPEN_LONG, SELL_OPEN_SHORT)
"""Labels of trades that make a position larger."""


@dataclass(frozen=True, slots=True)
class LiveTrade:
    """A row of the run's trade log; prices, pnl, fee and funding in USDT, qty in coins.

    `purpose` is what the order was for, None where it was not the run's own. `first`: no earlier
    row is of the same order.
    """

    bar: int
    side: int
    label: int
    price: float
    qty: float
    fee: float
    pnl: float
    funding: float
    client_id: str
    purpose: Purpose | None
    first: bool


@dataclass(frozen=True, slots=True)
class Requests:
    """What the journal tells of the orders that were sent.

    Args:
        bars: in which an entry, a stop or an exit was sent.
        laid: of take-profits, by side and the order that opened their lot: a bar before which they
            were not sent. Their ids do not tell it; what was sent before them does.
        whole_from: the first bar from which on no request is missing.
    """

    bars: frozenset[int]
    laid: Mapping[tuple[int, Order], int]
    whole_from: int


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run up to its last closed bar; bars count from the first candle that its indicators saw.

    Args:
        began: the first bar that was traded.
        bars: closed ones, those before `began` included.
        features: of `bars` + 1 rows: the last is a bar that never was, without movement, so that
            the end of the data closes no position in a bar that was.
        equity, wallet: at the close of each bar, shape (bars,), NaN where nothing was recorded.
        under_way: trades after the last closed bar, which are left out.
        notes: sentences for the user.
    """

    name: str
    symbol: Symbol
    timeframe: str
    params: StrategyParams
    market: Market
    began: int
    bars: int
    features: Features
    equity: npt.NDArray[np.float64]
    wallet: npt.NDArray[np.float64]
    trades: tuple[LiveTrade, ...]
    requests: Requests
    under_way: int
    notes: tuple[str, ...]

    @property
    def length_ms(self) -> int:
        """Of a bar."""
        return timeframe_ms(self.timeframe)


def load_run(folder: Path, symbol: Symbol) -> RecordedRun:
    """Read a run, which may be under way: its files are copied first and stay as they are.

    Args:
        folder: `live_state`, or the mode's folder in it.

    Raises:
        DataError: there is no run, it has closed no bar yet, or its files cannot be used.
    """
    if not any(path for name in _STATE for path in folder.glob(f"{symbol.id}_{name}")):
        raise DataError(f"{folder}: no run of {symbol} was recorded there")
    try:
        with tempfile.TemporaryDirectory(prefix="gridtui-parity-") as copied:
            # the state first: the files that only grow then hold all that it knows of
            for name in (*_STATE, *_GROWING):
                for path in folder.glob(f"{symbol.id}_{name}"):
                    shutil.copyfile(path, Path(copied) / path.name)
            store = RunStore(Path(copied), symbol)
            try:
                return _read(store, symbol)
            finally:
                store.close()
    except StateError as error:
        raise DataError(f"{folder}: {error}") from error


def _read(store: RunStore, symbol: Symbol) -> RecordedRun:
    restored = store.load()
    if restored is None:
        raise DataError(f"no run of {symbol} was recorded")
    memory = restored.memory
    if memory.symbol != symbol.id:
        raise DataError(f"the recorded run is of {memory.symbol}, not of {symbol}")
    try:
        params = StrategyParams(**memory.params)
    except (TypeError, ValueError) as error:
        raise DataError(f"the parameters of the run cannot be used: {error}") from error
    history = _history(store, memory, params)
    trades = _trades(store.trades.rows(), memory.run)
    equity, wallet = _curves(store, history)
    began = _beginning(equity, wallet, trades, memory.capital)
    market = market_for(symbol, history.close_at(0))
    return RecordedRun(
        name=memory.run,
        symbol=symbol,
        timeframe=memory.timeframe,
        params=params,
        market=market,
        began=began,
        bars=len(history),
        features=_with_a_last_bar(history.features(), timeframe_ms(memory.timeframe)),
        equity=equity,
        wallet=wallet,
        trades=tuple(trade for trade in trades if trade.bar < len(history)),
        requests=_requests(store.journal, memory.run, began),
        under_way=sum(trade.bar >= len(history) for trade in trades),
        notes=(*restored.notes, *_notes(market, trades)),
    )


def _history(store: RunStore, memory: Memory, params: StrategyParams) -> History:
    """The candles that had closed when the state was saved."""
    history = History(params, timeframe_ms(memory.timeframe))
    rows: Sequence[Sequence[float | None]] = store.candles.rows(memory.first_ms)
    columns = list(CANDLE_COLUMNS)
    history.take(pd.DataFrame([list(row) for row in rows], columns=columns))
    rates = store.rates.rows(memory.first_ms)
    history.take_rates(
        [
            FundingRate(int(time), Decimal(repr(rate)))
            for time, rate in rates
            if time is not None and rate is not None
        ]
    )
    if not 0 < memory.bar <= len(history):
        raise DataError(
            f"the run has seen {memory.bar} candles, {len(history)} of them were recorded: it "
            "cannot be replayed"
        )
    history.cut(memory.bar)
    return history


def _trades(rows: Sequence[dict[str, Any]], run: str) -> list[LiveTrade]:
    trades, known = [], set()
    for row in rows:
        try:
            label = LABELS.index(row["label"])
            side = SIDE_NAMES.index(row["side"]) if row["side"] else _NEITHER
            name = row["client_id"] or ""
            client_id = ClientId.parse(name)
            own = client_id is not None and client_id.run == run
            trade = LiveTrade(
                bar=int(row["bar"]),
                side=side,
                label=label,
                price=float(row["price"]),
                qty=float(row["qty"]),
                fee=float(row["fee"]),
                pnl=float(row["pnl"]),
                funding=float(row["funding"]),
                client_id=name,
                purpose=Purpose.of(client_id) if client_id is not None and own else None,
                first=name not in known,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"trade {row.get('n')} of the run cannot be read: {error}") from error
        known.add(name)
        trades.append(trade)
    return trades


def _curves(
    store: RunStore, history: History
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    equity, wallet = np.full(len(history), np.nan), np.full(len(history), np.nan)
    at = {int(time): bar for bar, time in enumerate(history.time)}
    for time, *values in store.equity.rows(int(history.time[0])):
        bar = at.get(int(time or 0))
        if bar is not None:
            equity[bar], wallet[bar] = (np.nan if v is None else v for v in values[:2])
    return equity, wallet


def _beginning(
    equity: npt.NDArray[np.float64],
    wallet: npt.NDArray[np.float64],
    trades: Sequence[LiveTrade],
    capital: float,
) -> int:
    """The first bar of the run: its equity was recorded from there to the end without a break.

    An earlier run may have ended right before it: the wallet must be the capital and what was
    traded since.
    """
    unknown = np.flatnonzero(np.isnan(equity))
    first = int(unknown[-1]) + 1 if len(unknown) else 0
    if first == len(equity):
        raise DataError("the run has closed no bar yet: there is nothing to compare")
    latest = min([trade.bar for trade in trades], default=len(equity) - 1)
    for bar in range(first, min(latest, len(equity) - 1) + 1):
        traded = [trade for trade in trades if trade.bar == bar]
        flow = sum(trade.pnl - (trade.fee if trade.label in OPENINGS else 0.0) for trade in traded)
        if abs(wallet[bar] - capital - flow) <= 1e-6 * capital:
            return bar
    return first


def _requests(journal: Journal, run: str, began: int) -> Requests:
    try:
        entries = journal.records()
    except StateError:
        return Requests(frozenset(), {}, _NEVER)
    bars: set[int] = set()
    laid: dict[tuple[int, Order], int] = {}
    latest = began
    for entry in entries:
        client_id = ClientId.parse(str(entry.record.get("id")))
        if client_id is None or client_id.run != run or entry.record.get("do") != "place":
            continue
        purpose = Purpose.of(client_id)
        if purpose.role in ("entry", "stop", "exit"):
            latest = max(latest, client_id.bar)
            bars.add(client_id.bar)
        else:
            laid.setdefault((purpose.side, purpose.order), latest)
    whole_from = began if bars else _NEVER
    if bars and journal.first_seq > 1 and _is_of(entries[0], run):
        whole_from = min(bars) + 1
    return Requests(frozenset(bars), laid, whole_from)


def _is_of(entry: Entry, run: str) -> bool:
    client_id = ClientId.parse(str(entry.record.get("id")))
    return client_id is not None and client_id.run == run


def _with_a_last_bar(features: Features, length_ms: int) -> Features:
    columns = {name: np.append(column, column[-1:]) for name, column in features._asdict().items()}
    columns["time"][-1] += length_ms
    columns["settlement"][-1] = np.nan
    for name in ("open", "high", "low"):
        columns[name][-1] = features.close[-1]
    return Features(**columns)


def _notes(market: Market, trades: Sequence[LiveTrade]) -> list[str]:
    """The run traded by the filters that the exchange listed, which it does not record."""
    limits = [trade for trade in trades if trade.purpose and trade.purpose.role == "entry"]
    odd = sum(
        abs(trade.price / float(market.tick) - round(trade.price / float(market.tick))) > 1e-6
        for trade in limits
    )
    notes = [f"market of the backtest: {market.source}"]
    if odd:
        notes.append(f"{odd} entries do not lie on its tick: the exchange listed another")
    return notes
