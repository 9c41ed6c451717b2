"""What a live run has left on the disk, as far as it can be compared with a backtest."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.account import SIDE_NAMES
from engine.features import Features
from engine.live.filters import Filters
from engine.live.history import History
from engine.live.memory import Memory
from engine.live.orders import Purpose
from engine.live.store import EQUITY_COLUMNS, RunStore
from engine.params import StrategyParams
from engine.trades import BUY_OPEN_LONG, LABELS, SELL_OPEN_SHORT
from engine.wording import plural
from exchange.broker import FundingRate
from exchange.checks import CANDLE_COLUMNS
from exchange.client_ids import ClientId
from exchange.errors import DataError
from exchange.market import Market, market_for
from exchange.span import moment_text
from exchange.symbol import Symbol
from exchange.timeframe import timeframe_ms
from state.errors import StateError

_STATE = ("state.json", "snapshot_*.json")
_GROWING = ("trades.jsonl", "candles.csv", "rates.csv", "equity.csv")
_NEITHER = -1

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
class RecordedRun:
    """A run up to its last closed bar; bars count from the first candle that its indicators saw.

    Args:
        market: as the exchange listed it when the run began; the margin tiers are the shipped ones.
        began: the first bar that was under way.
        bars: closed ones, those before `began` included.
        features: of `bars` + 1 rows: the last is a bar that never was, without movement, so that
            the end of the data closes no position in a bar that was.
        equity, wallet: at the close of each bar, shape (bars,), NaN before the run.
        decided: shape (bars,); False of a bar that was only caught up with.
        paused: shape (bars,); whether entries were held back for a time.
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
    decided: npt.NDArray[np.bool_]
    paused: npt.NDArray[np.bool_]
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
    if memory.began is None or not memory.filters:
        raise DataError(
            f"the run of {symbol} was begun by a version that recorded too little to compare it; "
            "runs that are begun from now on can be"
        )
    history = _history(store, memory, params)
    if memory.began >= len(history):
        raise DataError("the run has closed no bar yet: there is nothing to compare")
    trades = _trades(store.trades.rows(), memory.run)
    bars = _closed_bars(store, history, memory.began)
    features = _with_a_last_bar(history.features(), timeframe_ms(memory.timeframe))
    listed, *changes = memory.filters
    market = listed.laid_on(market_for(symbol, history.close_at(0)))
    return RecordedRun(
        name=memory.run,
        symbol=symbol,
        timeframe=memory.timeframe,
        params=params,
        market=market,
        began=memory.began,
        bars=len(history),
        features=features,
        equity=bars.equity,
        wallet=bars.wallet,
        trades=tuple(trade for trade in trades if trade.bar < len(history)),
        decided=bars.decided,
        paused=bars.paused,
        under_way=sum(trade.bar >= len(history) for trade in trades),
        notes=(*restored.notes, *_notes(market, changes, features)),
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


class _Bars(NamedTuple):
    """What was recorded at each close; see `RecordedRun`."""

    equity: npt.NDArray[np.float64]
    wallet: npt.NDArray[np.float64]
    decided: npt.NDArray[np.bool_]
    paused: npt.NDArray[np.bool_]


def _closed_bars(store: RunStore, history: History, began: int) -> _Bars:
    columns = np.full((len(EQUITY_COLUMNS), len(history)), np.nan)
    at = {int(time): bar for bar, time in enumerate(history.time)}
    for row in store.equity.rows(int(history.time[began])):
        bar = at.get(int(row[0] or 0))
        if bar is not None:
            columns[:, bar] = [np.nan if value is None else value for value in row]
    named = dict(zip(EQUITY_COLUMNS, columns, strict=True))
    lost = int(np.isnan(named["equity"][began:]).sum())
    if lost:
        raise DataError(
            f"the equity of {plural(lost, 'bar')} of the run is not on the disk: it cannot be "
            "compared"
        )
    decided, paused = named["decided"] == 1, named["paused"] == 1
    return _Bars(named["equity"], named["wallet"], decided, paused)


def _with_a_last_bar(features: Features, length_ms: int) -> Features:
    columns = {name: np.append(column, column[-1:]) for name, column in features._asdict().items()}
    columns["time"][-1] += length_ms
    columns["settlement"][-1] = np.nan
    for name in ("open", "high", "low"):
        columns[name][-1] = features.close[-1]
    return Features(**columns)


def _notes(market: Market, changes: Sequence[Filters], features: Features) -> list[str]:
    notes = [f"market of the backtest: {market.source}"]
    for now in changes:
        at = int(features.time[min(now.bar, len(features.time) - 1)])
        notes.append(
            f"from {moment_text(at)} on the exchange listed {now.words}; the backtest does not"
        )
    return notes
