"""The backtest of a run's own candles, from any bar and any account on; and the run's own way."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from engine.account import State, new_state
from engine.decide import ROW
from engine.ledger import signed
from engine.live.kernel import Kernel, Order
from engine.live.parity_run import LiveTrade, RecordedRun
from engine.loop import no_detail, run_bars
from engine.rules import kernel_rules
from engine.strategy import _detail
from engine.trades import CIRCUIT_BREAKER_HALT, FINAL_CLOSE, LIQUIDATION, TRADE
from indicators.compiled import mark_compiled

_ROOM = 8_192  # rows by which the trade log grows; more than one bar can write
_OPEN_TOLERANCE = 1e-7
_NOISE = 1e-13


class Played(NamedTuple):
    """A backtest of some bars: trades (TRADE), equity of shape (bars,), and the account after."""

    trades: npt.NDArray[Any]
    equity: npt.NDArray[np.float64]
    state: State


class Silence(NamedTuple):
    """Bars [first, stop) that were not decided, and the account after them."""

    first: int
    stop: int
    state: State


class Replay:
    """Plays a run's candles.

    Args:
        run: whose candles, parameters and trades.
        detail: finer candles on which the backtest's orders fill.

    Raises:
        ParameterError: the finer candles' timeframe does not divide a bar.
        DataError: they cannot be used.
    """

    def __init__(self, run: RecordedRun, detail: pd.DataFrame | None = None) -> None:
        self._run = run
        self._rules = kernel_rules(run.params, run.market)
        self._tiers = run.market.tier_table
        time = run.features.time
        self._detail = (
            no_detail(len(time)) if detail is None else _detail(time, run.length_ms, detail)
        )
        self._by_bar: dict[int, list[LiveTrade]] = {}
        for trade in run.trades:
            self._by_bar.setdefault(trade.bar, []).append(trade)
        begun = {
            trade.bar
            for trade in run.trades
            if trade.label == CIRCUIT_BREAKER_HALT or _is_of_the_decision(trade)
        }
        self._decided = begun | set(np.flatnonzero(run.decided).tolist())
        self._entered = {
            (trade.side, trade.purpose.order): trade.bar  # the last one
            for trade in run.trades
            if trade.purpose and trade.purpose.role == "entry"
        }

    def fresh(self) -> State:
        """The account that the run began with."""
        return new_state(self._run.params.initial_capital)

    @property
    def trades(self) -> tuple[LiveTrade, ...]:
        """All that the run traded."""
        return self._run.trades

    def trades_in(self, bar: int) -> list[LiveTrade]:
        """What the run traded in a bar."""
        return self._by_bar.get(bar, [])

    def play(self, state: State, first: int, stop: int) -> Played:
        """The backtest of the bars [first, stop), beginning with an account, which stays as it is.

        The equity is NaN outside of them.
        """
        account = state.copy()
        account["trades"] = 0
        equity = np.full(self._run.bars, np.nan)
        trades, rows = np.zeros(_ROOM, TRADE), np.zeros(1, ROW)
        features, rules, tiers, detail = self._run.features, self._rules, self._tiers, self._detail
        at = first
        while at < stop:
            at = run_bars(account, features, rules, tiers, detail, trades, equity, rows, at, stop)
            if at < stop:
                trades = np.concatenate([trades, np.zeros(len(trades), TRADE)])
        mark_compiled()
        return Played(trades[: int(account["trades"][0])], equity, account)

    def first_silence(self, state: State, first: int, stop: int) -> Silence | None:
        """The first bars, beginning in [first, stop), that were not decided: the run was down."""
        silent = next((bar for bar in range(first, stop) if bar not in self._decided), None)
        if silent is None:
            return None
        account = self.play(state, first, silent).state
        bar = silent
        while bar < self._run.bars and bar not in self._decided:
            account = self.follow(account, bar, decided=False)
            bar += 1
        return Silence(silent, bar, account)

    def follow(self, state: State, bar: int, decided: bool) -> State:
        """The account after a bar in which it traded what the run did.

        Funding is what the recorded wallet shows beyond the trades, in whatever bar it was booked.
        """
        unfunded = self._follow(state, bar, decided, None)
        funding = self._funding(state, bar, float(unfunded["wallet"][0]))
        return unfunded if funding is None else self._follow(state, bar, decided, funding)

    def _funding(self, state: State, bar: int, unfunded: float) -> tuple[float, float] | None:
        """(price, rate) of the settlement that the run booked in a bar."""
        features = self._run.features
        long, short = (float(side["qty"]) for side in state[0]["sides"])
        settled = not np.isnan(features.settlement[bar]) and not features.synthetic[bar]
        rate = float(features.settlement[bar] if settled else features.funding_rate[bar])
        opened = float(features.open[bar])
        net = (long - short) * rate
        if net == 0:
            return (opened, rate) if settled else None
        paid = unfunded - float(self._run.wallet[bar])
        if abs(paid) <= _NOISE * self._run.params.initial_capital:
            return None
        price = paid / net
        return (opened if abs(price / opened - 1) < _OPEN_TOLERANCE else price), rate

    def _follow(
        self, state: State, bar: int, decided: bool, funding: tuple[float, float] | None
    ) -> State:
        run, features = self._run, self._run.features
        account = state.copy()
        account["trades"] = 0
        kernel = Kernel(run.params, run.market, account)
        kernel.at_bar(features, bar, int(features.time[bar - 1]) + run.length_ms)
        if funding is not None:
            kernel.book_funding(*funding)
        left = [t for t in self.trades_in(bar) if t.label != CIRCUIT_BREAKER_HALT]
        if decided:
            left = _decide(kernel, bar, left)
        for trade in left:
            _book(kernel, trade)
        self._drop_passed(kernel, bar)
        kernel.end_bar(float(features.close[bar]))
        return account

    def _drop_passed(self, kernel: Kernel, bar: int) -> None:
        """An entry that the bar has reached and that never fills does not rest at the exchange:
        the trade log does not tell that it was refused.
        """
        features = self._run.features
        for side, worst in enumerate((float(features.low[bar]), float(features.high[bar]))):
            record = kernel.state[0]["sides"][side]
            passed = [
                (int(entry["sent"]), int(entry["level"]), int(entry["generation"]))
                for entry in record["entries"][: record["entry_count"]]
                if entry["sent"] >= 0 and signed(side) * (float(entry["price"]) - worst) >= 0
            ]
            for order in passed:
                if self._entered.get((side, order), -1) <= bar:
                    kernel.refuse_entry(side, order)


def _is_of_the_decision(trade: LiveTrade) -> bool:
    """Whether it is an exit of its bar's decision, which was begun then, though never finished."""
    purpose = trade.purpose
    if purpose is None or purpose.role != "exit" or trade.label == FINAL_CLOSE:
        return False
    return purpose.order[0] == trade.bar


def _decide(kernel: Kernel, bar: int, trades: list[LiveTrade]) -> list[LiveTrade]:
    """Steps 1-8 with the run's own exits; returns the trades that came after them."""
    kernel.begin_bar()
    step = 0
    while (wanted := kernel.next_exit(step)) is not None:
        step = wanted.step
        name = (bar, wanted.label, wanted.step)
        lot: Order | None = None
        if wanted.lot >= 0:
            held = kernel.state[0]["sides"][wanted.side]["lots"][wanted.lot]
            lot = order_of(held)
        own = [
            k
            for k, trade in enumerate(trades)
            if trade.purpose is not None
            and (trade.purpose.role, trade.purpose.order, trade.side) == ("exit", name, wanted.side)
        ]
        if not own:
            kernel.take_back(wanted.side, wanted.lot < 0)
            continue
        for k, trade in enumerate(trades[: own[-1] + 1]):
            _book(kernel, trade, lot if k in own else None)
        trades = trades[own[-1] + 1 :]
    kernel.lay_orders()
    return trades


def _book(kernel: Kernel, trade: LiveTrade, lot: Order | None = None) -> None:
    """Book a trade of the run as `engine.live.books` did."""
    purpose, side = trade.purpose, trade.side
    price, qty, fee = trade.price, trade.qty, trade.fee
    if purpose is None:
        if trade.label == LIQUIDATION:
            kernel.begin_liquidation()
        kernel.fill_exit(side, None, price, qty, fee, trade.label, trade.bar)
    elif purpose.role == "entry":
        kernel.fill_entry(side, price, qty, fee, purpose.order)
    elif purpose.role in ("near take-profit", "far take-profit"):
        near = purpose.role == "near take-profit"
        kernel.fill_take_profit(side, purpose.order, near, price, qty, fee)
    else:
        born = purpose.order[0]
        kernel.fill_exit(side, lot, price, qty, fee, trade.label, born, trade.first)


def order_of(lot: Any) -> Order:
    """The entry that opened a lot (engine.account.LOT)."""
    return int(lot["born"]), int(lot["level"]), int(lot["generation"])
