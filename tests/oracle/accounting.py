"""What a fill does to lots, wallet, Kelly record, profit buffer and trade log."""

from collections import deque

from tests.oracle import rounding
from tests.oracle.params import Params
from tests.oracle.state import LONG, Account, Bar, Entry, Lot, Market, Side, TakeProfit, Trade

OPEN_LABEL = {LONG: "BUY_OPEN_LONG", -LONG: "SELL_OPEN_SHORT"}
CLOSE_LABEL = {LONG: "SELL_CLOSE_LONG", -LONG: "BUY_CLOSE_SHORT"}


class Ledger:
    """One account in one bar: every change of a position goes through here."""

    def __init__(self, account: Account, bar: Bar, params: Params, market: Market) -> None:
        self.account, self.bar, self.params, self.market = account, bar, params, market

    def fill_entry(self, side: Side, entry: Entry) -> None:
        """The entry becomes a lot, at its own price and the maker's fee."""
        fee = entry.price * entry.qty * self.params.fee_maker
        side.entries.remove(entry)
        side.lots.append(Lot(entry.price, entry.qty, self.bar.index, self.bar.time, net=-fee))
        self._pay(0.0, fee)
        self.account.entry_fills += 1
        self._log(side.name, OPEN_LABEL[side.sign], entry.price, entry.qty, 0.0, fee, 0.0, entry)
        self.place_stop(side)

    def fill_take_profit(
        self, side: Side, lot: Lot, target: TakeProfit, crossed_at: float | None = None
    ) -> None:
        """The target's part of its lot closes: at its price and the maker's fee, or, where the
        new order crossed the market, at the market's price and the taker's fee."""
        params = self.params
        price = target.price if crossed_at is None else crossed_at
        rate = params.fee_maker if crossed_at is None else params.fee_taker
        lot.targets.remove(target)
        gross, fee, funding = self._close_part(side, lot, target.qty, price, rate)
        side.buffer = max(0.0, side.buffer + gross - fee)
        label = CLOSE_LABEL[side.sign]
        self._log(side.name, label, price, target.qty, gross - fee, fee, funding, target)
        self.place_stop(side)

    def close_at_market(self, side: Side, parts: list[tuple[Lot, float]], label: str) -> None:
        """Parts of lots close at the bar's open, with slippage and the taker's fee, in one row."""
        self.close_with_slippage(side, parts, label, self.bar.open)

    def close_with_slippage(
        self, side: Side, parts: list[tuple[Lot, float]], label: str, price: float
    ) -> None:
        price *= 1.0 - side.sign * self.params.slippage
        self._close_row(side, parts, label, price, self.params.fee_taker)

    def liquidate(self, side: Side, price: float, fee: float) -> None:
        """The whole side closes at `price` for `fee` in quote currency."""
        parts = [(lot, lot.qty) for lot in side.lots]
        self._close_row(side, parts, "LIQUIDATION", price, fee / (side.qty * price))

    def place_stop(self, side: Side) -> None:
        """The stage-2 stop of what the side holds now; a flat side forgets its stops."""
        if not side.lots:
            side.stop, side.stage1_fired = None, False
            return
        level = side.average_entry - side.sign * 1.5 * self.bar.stop_distance
        away = rounding.down if side.sign == LONG else rounding.up
        side.stop = away(level, self.market.tick)

    def count_stop(self) -> None:
        """A stop regenerates both sides; enough of them close together halve the next orders."""
        account, params = self.account, self.params
        account.counters["stops"] += 1
        account.regenerate = True
        account.stop_bars.append(self.bar.index)
        latest = account.stop_bars[-params.stop_cooldown_thresh :]
        enough = len(latest) == params.stop_cooldown_thresh
        if enough and latest[-1] - latest[0] < params.stop_cooldown_bars:
            account.cooldown_until = self.bar.index + params.stop_cooldown_bars

    def _close_row(
        self, side: Side, parts: list[tuple[Lot, float]], label: str, price: float, rate: float
    ) -> None:
        qty = gross = fee = funding = 0.0
        for lot, part in parts:
            part_gross, part_fee, part_funding = self._close_part(side, lot, part, price, rate)
            qty, gross, fee = qty + part, gross + part_gross, fee + part_fee
            funding += part_funding
        pnl = gross - fee
        if pnl < 0.0:
            side.buffer = max(0.0, side.buffer + pnl)
        self._log(side.name, label, price, round(qty, 10), pnl, fee, funding, None)
        self.place_stop(side)
        self._insure()

    def _insure(self) -> None:
        """What a flat account owes is not the trader's: equity never falls under 0."""
        account = self.account
        if account.wallet < 0.0 and not account.long.lots and not account.short.lots:
            account.insurance -= account.wallet
            account.wallet = 0.0

    def _close_part(
        self, side: Side, lot: Lot, qty: float, price: float, rate: float
    ) -> tuple[float, float, float]:
        """Gross pnl, fee and the part of the lot's funding that leaves with `qty`."""
        gross = side.sign * (price - lot.price) * qty
        fee = price * qty * rate
        funding = lot.funding * (qty / lot.qty)
        lot.funding -= funding
        lot.qty = round(lot.qty - qty, 10)
        lot.net += gross - fee + funding
        self._pay(gross, fee)
        if lot.qty <= 0.0:
            side.lots.remove(lot)
            window = deque[float](maxlen=self.params.kelly_window)
            self.account.kelly.setdefault(self.bar.regime, window).append(lot.net)
        else:
            self._shrink_targets(lot)
        return gross, fee, funding

    def _shrink_targets(self, lot: Lot) -> None:
        """Take-profits never exceed their lot; the far one gives way first."""
        for target in reversed(list(lot.targets)):
            excess = round(sum(each.qty for each in lot.targets) - lot.qty, 10)
            if excess <= 0.0:
                return
            if excess >= target.qty:
                lot.targets.remove(target)
            else:
                target.qty = round(target.qty - excess, 10)
                target.born = self.bar.index

    def _pay(self, gross: float, fee: float) -> None:
        self.account.wallet += gross - fee
        self.account.gross += gross
        self.account.fees += fee

    def _log(
        self,
        side: str,
        label: str,
        price: float,
        qty: float,
        pnl: float,
        fee: float,
        funding: float,
        order: Entry | TakeProfit | None,
    ) -> None:
        bar = self.bar
        born = order.born if order else bar.index
        self.account.trades.append(
            Trade(bar.index, bar.time, side, label, price, qty, pnl, fee, funding, bar.regime, born)
        )

    def log_halt(self) -> None:
        """A row without a side, at the close that caused the halt."""
        self._log("", "CIRCUIT_BREAKER_HALT", self.bar.close, 0.0, 0.0, 0.0, 0.0, None)
