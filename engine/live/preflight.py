"""What is looked at before a bot trades, and by `gridtui doctor`: each a value, a wish, a state.

Nothing is changed at the exchange. What cannot be known is called unknown.
"""

import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

from engine.account import SIDE_NAMES
from engine.decide import COOLDOWN_SIZE
from engine.ledger import STAGE_2
from engine.live.config import BotConfig, exchange_leverage, unfinished
from engine.live.health import CLOCK_MS
from engine.live.history import History
from engine.live.start import history_bars
from engine.live.venue import open_market
from engine.orders import ENTRY_NOTIONAL_RESERVE
from engine.params import StrategyParams
from engine.sizing import KELLY_FEW_RECORDS, KELLY_MINIMUM
from engine.wording import amount
from exchange.binance import BinanceBroker
from exchange.broker import ListedMarket, plain
from exchange.errors import DataError
from exchange.outcomes import Failure, Refused
from exchange.timeframe import timeframe_ms
from state.errors import StateError
from state.lock import BotLock

State = Literal["ok", "warning", "bad"]

_WEIGHT_WARNING = 0.5
_LEAST_DISK, _LITTLE_DISK = 50_000_000, 1_000_000_000
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, as an operator reads it; `advice` is empty when all is well."""

    name: str
    value: str
    wanted: str
    state: State
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """All that was looked at, and what real trading is shown before it begins.

    Attributes:
        wallet: USDT; None where it could not be read or there is no account.
        worst_case: see `worst_case`; None where it could not be computed.
    """

    checks: tuple[Check, ...]
    wallet: float | None = None
    worst_case: float | None = None

    @property
    def bad(self) -> tuple[Check, ...]:
        """What forbids to trade."""
        return tuple(check for check in self.checks if check.state == "bad")


async def preflight(config: BotConfig, key_notes: tuple[str, ...] = ()) -> Preflight:
    """Look at everything.

    Args:
        config: of the bot that is to trade.
        key_notes: what is to be said of where the keys were found.
    """
    checks = [*local_checks(config)]
    checks += [Check("keys", "found", "private", "warning", note) for note in key_notes]
    async with _reached(config, checks) as market:
        if market is None:
            return Preflight(tuple(checks))
        look = _Look(config, market, checks)
        await look.at_everything()
    return Preflight(tuple(checks), look.wallet, look.worst_case)


def local_checks(config: BotConfig) -> list[Check]:
    """Disk, lock and state: what needs no exchange."""
    lock = _lock(config)
    # the files of a bot that runs are its own
    states = [_state(config)] if lock.state == "ok" else []
    return [_disk(config.data_dir), lock, *states]


def smallest_order(params: StrategyParams, capital: float) -> float:
    """USDT of the smallest order that sizing can come to: least Kelly multiplier, after stops."""
    return capital * params.order_pct * params.leverage * KELLY_MINIMUM * COOLDOWN_SIZE


def first_order(params: StrategyParams, capital: float) -> float:
    """USDT of the orders of a run without a past."""
    return capital * params.order_pct * params.leverage * KELLY_FEW_RECORDS


def worst_case(params: StrategyParams, capital: float, price: float, atr: float) -> float:
    """USDT that are lost when every entry of both sides fills and both stage-2 stops are hit.

    Each side holds as many lots as it may at the full order size, or its cap if that is less; its
    stop lies `1.5 * atr_sl_mult` ATRs from the average entry. Maker fee on the way in, taker fee
    and slippage on the way out. A gap in the price, or a new grid after the stops, can cost more.
    """
    lots = params.max_inventory_per_side * params.order_pct
    notional = capital * params.leverage * min(lots, params.max_position_pct)
    share = STAGE_2 * params.atr_sl_mult * atr / price
    share += params.fee_maker + params.fee_taker + params.slippage
    return notional * share * (2 if params.allow_short else 1)


@asynccontextmanager
async def _reached(config: BotConfig, checks: list[Check]) -> AsyncIterator[BinanceBroker | None]:
    """The exchange; None, and why, if it does not answer."""
    began = time.monotonic()
    opened = open_market(config)
    try:
        market = await opened.__aenter__()
    except (Failure, DataError) as error:
        advice = "check the network, or try --paper, which needs none"
        checks.append(Check("exchange", str(error), "an answer", "bad", advice))
        yield None
        return
    try:
        took_ms = (time.monotonic() - began) * 1000
        checks.append(Check("exchange", f"answers ({took_ms:.0f} ms)", "an answer", "ok"))
        yield market
    finally:
        await opened.__aexit__(None, None, None)


@dataclass(slots=True)
class _Look:
    """Asks one exchange for everything; what cannot be asked is a bad check, the rest goes on."""

    config: BotConfig
    market: BinanceBroker
    checks: list[Check]
    wallet: float | None = None
    worst_case: float | None = None
    listed: ListedMarket | None = field(default=None, init=False)

    @property
    def has_account(self) -> bool:
        return self.config.mode != "dry-run"

    async def at_everything(self) -> None:
        await self._ask("clock", self._clock)
        await self._ask("market", self._market)
        if self.has_account and await self._ask("keys", self._permissions):
            await self._ask("position mode", self._position_mode)
            await self._ask("margin mode", self._margin_mode)
            await self._ask("leverage", self._leverage)
            await self._ask("balance", self._balance)
            await self._ask("positions", self._positions)
            await self._ask("open orders", self._orders)
        await self._ask("smallest order", self._sizes)
        self._budget()

    async def _ask(self, name: str, question: Callable[[], Awaitable[None]]) -> bool:
        try:
            await question()
        except Failure as failure:
            self.checks.append(Check(name, str(failure), "an answer", "bad", str(failure.action)))
            return False
        return True

    def _note(
        self, name: str, value: str, wanted: str, state: State = "ok", advice: str = ""
    ) -> None:
        self.checks.append(Check(name, value, wanted, state, "" if state == "ok" else advice))

    async def _clock(self) -> None:
        if self.config.speed != 1.0:
            self._note("clock", f"{self.config.speed:g} times ours", "any")
            return
        before = time.time()
        server = await self.market.server_time()
        off_ms = server - (before + time.time()) / 2 * 1000
        state: State = "ok" if abs(off_ms) < CLOCK_MS else "warning"
        advice = "set this machine's clock (NTP); requests go by the exchange's time meanwhile"
        self._note("clock", f"{off_ms:+.0f} ms", f"within {CLOCK_MS:.0f} ms", state, advice)

    async def _market(self) -> None:
        try:
            self.listed = await self.market.market()
        except Refused as refusal:
            self._note("market", refusal.reason, "listed", "bad", "choose another --coin")
            return
        market, trading = self.listed.market, self.listed.trading
        rules = f"tick {plain(market.tick)}, step {plain(market.step)}"
        self._note(
            "market",
            f"{market.symbol} {'trades' if trading else 'does not trade'}, {rules}",
            "trades",
            "ok" if trading else "bad",
            "wait until the exchange trades it again",
        )

    async def _permissions(self) -> None:
        told = await self.market.permissions()
        state: State = "bad" if told.trade is False else "ok"
        can = {True: "may trade", False: "may not trade", None: "accepted, trading " + _UNKNOWN}
        self._note("keys", can[told.trade], "may trade", state, "enable Futures for this key")
        if told.move_out is False:
            self._note("withdrawals", "not possible", "not possible")
            return
        self._note(
            "withdrawals",
            "the account can; the key: " + _UNKNOWN,
            "not possible",
            "warning",
            "futures do not tell what the key may do: see that it may not withdraw",
        )

    async def _position_mode(self) -> None:
        mode = await self.market.position_mode()
        advice = "the bot switches it over, which the exchange refuses while anything is open"
        self._note("position mode", mode, "hedge", "ok" if mode == "hedge" else "warning", advice)

    async def _margin_mode(self) -> None:
        mode = await self.market.margin_mode()
        advice = "the bot switches it over, which the exchange refuses while anything is open"
        self._note("margin mode", mode, "cross", "ok" if mode == "cross" else "warning", advice)

    async def _leverage(self) -> None:
        now, wanted = await self.market.leverage(), exchange_leverage(self.config.params)
        text = f"{now}x" if now == wanted else f"{now}x, the bot will set {wanted}x"
        self._note("leverage", text, f"{wanted}x")

    async def _balance(self) -> None:
        balance = await self.market.balance()
        self.wallet = float(balance.wallet)
        wanted = self.config.capital
        text = f"{amount(self.wallet)} USDT, {amount(float(balance.available))} free"
        if not self.wallet > 0:
            self._note("balance", text, "above 0", "bad", "move USDT into the futures wallet")
        elif wanted is None:
            self._note("balance", text, "above 0")
        else:
            short = wanted > self.wallet
            advice = "lower --capital or move USDT into the futures wallet"
            state: State = "bad" if short else "ok"
            if not short and wanted > float(balance.available):
                state, advice = "warning", "other positions or orders tie up a part of it"
            self._note("balance", text, f"{amount(wanted)} USDT", state, advice)

    async def _positions(self) -> None:
        found = await self.market.positions()
        held = [
            f"{name} {plain(side.qty)}"
            for name, side in zip(SIDE_NAMES, (found.long, found.short), strict=True)
            if side.qty
        ]
        known = self.config.resume
        advice = "they are not this bot's and are left alone; they share its margin"
        state: State = "warning" if held and not known else "ok"
        self._note("positions", ", ".join(held) or "none", "none of others", state, advice)

    async def _orders(self) -> None:
        orders = await self.market.open_orders()
        foreign = [order for order in orders if not (self.config.resume and order.ours)]
        text = f"{len(orders)}, {len(foreign)} of them not this bot's" if orders else "none"
        advice = "they are left alone; cancel them if nobody needs them"
        self._note("open orders", text, "none of others", "warning" if foreign else "ok", advice)

    async def _sizes(self) -> None:
        """The grid's orders against the market's filters, and the worst case."""
        if self.listed is None:
            return
        params, market = self.config.params, self.listed.market
        price = float(await self.market.mark_price())
        capital = self.config.capital or self.wallet or params.initial_capital
        self.worst_case = worst_case(params, capital, price, await self._atr())
        step = float(market.step) * price
        least = max(ENTRY_NOTIONAL_RESERVE * float(market.min_notional), step)
        first, small = (
            size // step * step
            for size in (first_order(params, capital), smallest_order(params, capital))
        )
        text = f"{amount(first)} USDT at first, {amount(small)} at the least"
        wanted = f"{amount(least)} USDT"
        advice = "raise capital, leverage or order_pct: such orders are not laid"
        state: State = "ok" if small >= least else "warning" if first >= least else "bad"
        self._note("smallest order", text, wanted, state, advice)

    async def _atr(self) -> float:
        params, length = self.config.params, timeframe_ms(self.config.timeframe)
        bars = history_bars(params, self.config.timeframe)
        since = await self.market.server_time() - bars * length
        candles = await self.market.closed_candles(self.config.timeframe, since)
        history = History(params, length)
        history.take(candles)
        return float(history.features().atr[-1]) if len(history) else float("nan")

    def _budget(self) -> None:
        used, limit = self.market.weight
        state: State = "ok" if used < _WEIGHT_WARNING * limit else "warning"
        advice = "other programs at this address use it up: more bots would be slowed down"
        self._note("request weight", f"{used} of {limit} a minute", "below half", state, advice)


def _disk(folder: Path) -> Check:
    wanted = f"{_LEAST_DISK // 1_000_000} MB, writable"
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "give yourself the permission or use another --data-dir"
        return Check("disk", f"{there} is not writable", wanted, "bad", advice)
    free = shutil.disk_usage(there).free
    state: State = "bad" if free < _LEAST_DISK else "warning" if free < _LITTLE_DISK else "ok"
    advice = "" if state == "ok" else "free some space: a bot that cannot write stops"
    return Check("disk", f"{Decimal(free) / 10**9:.1f} GB free, writable", wanted, state, advice)


def _lock(config: BotConfig) -> Check:
    lock = BotLock(config.account, config.symbol.id)
    try:
        lock.acquire(data_folder=config.data_dir, mode=config.mode)
    except StateError as error:
        return Check("other bots", str(error), "none", "bad")
    lock.release()
    return Check("other bots", "none", "none with this account and coin", "ok")


def _state(config: BotConfig) -> Check:
    wanted = "nothing unfinished" if not config.resume else "a run to go on with"
    if config.resume or config.fresh:
        return Check("state", "as --resume or --fresh says", wanted, "ok")
    try:
        complaint = unfinished(config)
    except (StateError, DataError) as error:
        return Check("state", str(error), wanted, "bad", "--fresh puts the files aside")
    if complaint:
        return Check("state", complaint, wanted, "bad")
    return Check("state", "nothing unfinished", wanted, "ok")
