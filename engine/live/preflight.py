"""What is looked at before a bot trades, and by `gridtui doctor`: each a value, a wish, a state.

Nothing is changed, neither at the exchange nor on the disk. What cannot be known is called unknown.
"""

import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.account import SIDE_NAMES
from engine.live.config import BotConfig, exchange_leverage, run_to_resume, unfinished
from engine.live.earlier import Earlier, earlier_run, strays, strays_text
from engine.live.health import CLOCK_MS
from engine.live.history import History
from engine.live.sizes import (
    first_order,
    least_order,
    require_orders,
    smallest_order,
    whole_steps,
    worst_case,
)
from engine.live.start import history_bars
from engine.live.venue import open_market
from engine.wording import amount
from exchange.binance import BinanceBroker
from exchange.broker import ListedMarket, Permissions, plain
from exchange.errors import DataError
from exchange.outcomes import Failure, Refused
from exchange.timeframe import timeframe_ms
from state.errors import StateError
from state.lock import BotLock, lock_folder

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
        worst_case: see `engine.live.sizes`; None where it could not be computed.
        earlier: the run whose state lies on the disk.
    """

    checks: tuple[Check, ...]
    wallet: float | None = None
    worst_case: float | None = None
    earlier: Earlier | None = None

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
    lock = _lock(config)
    checks, earlier = [_disk(config.data_dir), lock], None
    if lock.state == "ok":  # the files of a bot that runs are its own
        state, earlier = _state(config)
        checks.append(state)
    checks += [Check("keys", "found", "private", "warning", note) for note in key_notes]
    async with _reached(config, checks) as market:
        if market is None:
            return Preflight(tuple(checks), earlier=earlier)
        look = _Look(config, market, checks, earlier, another_runs=lock.state != "ok")
        await look.at_everything()
    return Preflight(tuple(checks), look.wallet, look.worst_case, earlier)


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
        words = f"{market.host} answers ({took_ms:.0f} ms)"
        checks.append(Check("exchange", words, "an answer", "ok"))
        yield market
    finally:
        await opened.__aexit__(None, None, None)


@dataclass(slots=True)
class _Look:
    """Asks one exchange for everything; what cannot be asked is a bad check, the rest goes on."""

    config: BotConfig
    market: BinanceBroker
    checks: list[Check]
    earlier: Earlier | None
    another_runs: bool
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
            words = f"{failure.title}: {failure.reason}"
            self.checks.append(Check(name, words, "an answer", "bad", str(failure.action)))
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
        account, key = await self.market.permissions(), await self._key()
        trade = account.trade if account.trade is False or key.trade is None else key.trade
        state: State = "bad" if trade is False else "ok"
        can = {True: "may trade", False: "may not trade", None: "accepted, trading " + _UNKNOWN}
        self._note("keys", can[trade], "may trade", state, "enable Futures for this key")
        never = account.move_out is False or key.move_out is False
        text = "the account can; the key: " + _UNKNOWN
        advice = "see that the key may not withdraw: the exchange does not tell it here"
        if never or key.move_out:
            text = "not possible" if never else "the key may withdraw"
            advice = "trade with a key that may not: whoever gets hold of it empties the account"
        real = self.config.mode == "live" and self.config.base_url is None
        state = "warning" if not never and (key.move_out or real) else "ok"
        self._note("withdrawals", text, "not possible", state, advice)

    async def _key(self) -> Permissions:
        """What the key itself may do, where the exchange says it: of real keys."""
        if self.config.mode == "live":
            with contextlib.suppress(Failure):
                return await self.market.key_permissions()
        return Permissions(None, None)

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
        # a run that goes on may have lost some of its capital
        wanted = None if self.config.resume else self.config.capital
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
        held = {
            name: side.qty
            for name, side in zip(SIDE_NAMES, (found.long, found.short), strict=True)
            if side.qty
        }
        text = ", ".join(f"{name} {plain(qty)}" for name, qty in held.items()) or "none"
        foreign = dict(held)
        if self.another_runs:
            foreign = {}
        elif self.config.resume and self.earlier is not None:
            not_ours = zip(SIDE_NAMES, self.earlier.not_ours, strict=True)
            foreign = {name: qty for name, qty in not_ours if qty and name in held}
            words = ", ".join(f"{name} {plain(qty)}" for name, qty in foreign.items())
            text += f"; not this bot's: {words}" if words else ""
        advice = "what is not this bot's is left alone, and shares its margin"
        self._note("positions", text, "none of others", "warning" if foreign else "ok", advice)

    async def _orders(self) -> None:
        orders = await self.market.open_orders()
        gridtui = [order for order in orders if order.ours]
        foreign = len(orders) - len(gridtui)
        # of a run whose files are here the state is what speaks
        known = self.earlier.run if self.earlier and not self.config.fresh else None
        lost = 0 if self.another_runs else strays(gridtui, known)
        text = f"{len(orders)}, {foreign + lost} of them not this bot's" if orders else "none"
        advice = "they are left alone; cancel them if nobody needs them"
        state: State = "warning" if foreign else "ok"
        self._note("open orders", text, "none of others", state, advice)
        if lost:
            on = self.config.resume or self.config.fresh
            advice = "they may protect a position: look at the exchange"
            advice += "; they are left alone" if on else ", then --fresh leaves them alone"
            state = "warning" if on else "bad"
            self._note("lost orders", strays_text(lost), "none", state, advice)

    async def _sizes(self) -> None:
        """The grid's orders against the market's filters, and the worst case."""
        if self.listed is None:
            return
        params = self.config.params
        price = float(await self.market.mark_price())
        capital = self.config.capital or self.wallet or params.initial_capital
        self.worst_case = worst_case(params, capital, price, await self._atr())
        least = least_order(self.listed, price)
        first, small = (
            whole_steps(size, self.listed, price)
            for size in (first_order(params, capital), smallest_order(params, capital))
        )
        text = f"{amount(first)} USDT at first, {amount(small)} at the least"
        wanted = f"{amount(least)} USDT"
        advice = "raise capital, leverage or order_pct: such orders are not laid"
        state: State = "ok" if small >= least else "warning"
        try:
            require_orders(params, capital, self.listed, price)
        except DataError as error:
            state, advice = "bad", str(error)
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
    there = _existing(folder)
    if not os.access(there, os.W_OK | os.X_OK):
        advice = "give yourself the permission or use another --data-dir"
        return Check("disk", f"{there} cannot be written", "writable", "bad", advice)
    free = shutil.disk_usage(there).free
    state: State = "bad" if free < _LEAST_DISK else "warning" if free < _LITTLE_DISK else "ok"
    advice = "" if state == "ok" else f"free some space at {there}: a bot that cannot write stops"
    return Check("disk", f"{_gigabytes(free)} free", _gigabytes(_LITTLE_DISK), state, advice)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return there


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{size / 10**6:.0f} MB"


def _lock(config: BotConfig) -> Check:
    """Looked at, not taken: what a bot that crashed has left in it stays."""
    if taken := BotLock(config.account, config.symbol.id).taken():
        return Check("other bots", taken, "none", "bad")
    folder = _existing(lock_folder())
    if not os.access(folder, os.W_OK | os.X_OK):
        advice = "give yourself the permission, or set GRIDTUI_STATE_HOME"
        return Check("other bots", f"{folder} cannot be written", "writable", "bad", advice)
    return Check("other bots", "none", "none with this account and coin", "ok")


def _state(config: BotConfig) -> tuple[Check, Earlier | None]:
    """What lies on the disk, and whether that may be."""
    if config.mode == "paper":
        return Check("state", "begins anew", "nothing unfinished", "ok"), None
    wanted = "a run to go on with" if config.resume else "nothing unfinished"
    try:
        if config.resume:
            earlier: Earlier | None = run_to_resume(config)
            complaint = ""
        else:
            earlier = earlier_run(config.folder, config.symbol)
            complaint = "" if config.fresh else unfinished(config)
    except (StateError, DataError) as error:
        if config.fresh:
            return Check("state", str(error), wanted, "warning", "its files are put aside"), None
        return Check("state", str(error), wanted, "bad", "--fresh puts the files aside"), None
    if complaint:
        return Check("state", complaint, wanted, "bad"), earlier
    if earlier is None:
        return Check("state", "none", wanted, "ok"), None
    capital = f"capital {amount(earlier.capital)} USDT"
    words = f"{earlier.source.name}: {earlier.left}, {capital}"
    if earlier.notes and not config.fresh:
        advice = "compare positions and orders with the exchange's"
        value = "; ".join((*earlier.notes, words))
        return Check("state", value, wanted, "warning", advice), earlier
    return Check("state", words, wanted, "ok"), earlier
