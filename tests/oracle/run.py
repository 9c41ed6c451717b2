"""The loop: book funding, decide on the bar before, fill on the way through this one."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from tests.oracle.accounting import Ledger
from tests.oracle.exits import prune, stop_loss
from tests.oracle.features import Candles, features_of
from tests.oracle.fills import Ohlc, fill_orders
from tests.oracle.funding import (
    book_funding,
    last_rate_before,
    settlements_by_bar,
    settlements_of,
)
from tests.oracle.grid import lay_grid, trail_up
from tests.oracle.params import Params
from tests.oracle.regime import regimes_of, warmup
from tests.oracle.sizing import spacing_at
from tests.oracle.state import Account, Bar, Market, Result


def simulate(
    candles: object,
    params: Mapping[str, object] | None,
    market: Market,
    timeframe_ms: int = 900_000,
    funding: Sequence[tuple[int, float]] = (),
    detail: object | None = None,
) -> Result:
    """Run the strategy over `candles` from a cold start.

    `candles`, `detail`: dict or object with the equally long columns timestamp (ms), open, high,
    low, close, volume; `detail` is of a finer timeframe and replaces the path of the bars it
    covers. `params` overrides the defaults. `funding`: (settlement in ms, rate), sorted.
    """
    settings = Params(**(params or {}))
    base = Candles.of(candles, timeframe_ms)
    account = Account(wallet=settings.initial_capital)
    result = Result(trades=account.trades, counters=account.counters)
    bars = _Bars(base, settings, funding)
    path = _Path(base, detail)

    for i in range(len(base)):
        if i < bars.first:
            _log_curves(result, account, base.close[i], 0)
            continue
        bar = bars.at(i, equity=result.equity[-1])
        ledger = Ledger(account, bar, settings, market)
        for rate in bars.settlements.get(i, ()):
            book_funding(account, rate, bar.open)
        decide(ledger)
        account.entry_fills = 0
        fill_orders(ledger, path.of(i))
        if i == len(base) - 1:
            final_close(ledger, bars.close[i])
        _log_curves(result, account, bars.close[i], bar.regime)
    return result


def decide(ledger: Ledger) -> None:
    """Steps 2 to 8; what they close at market closes at the open of the bar."""
    circuit_breaker(ledger)
    stop_loss(ledger)
    prune(ledger)
    if not ledger.account.halted:
        trail_up(ledger)
    lay_grid(ledger)


def circuit_breaker(ledger: Ledger) -> None:
    """Step 2: far under its average nothing new is opened until the price has come back."""
    account, bar, params = ledger.account, ledger.bar, ledger.params
    if not params.circuit_breaker_enabled:
        return
    if account.halted:
        if bar.z > params.resume_z_threshold:
            account.halted = False
            account.regenerate = True
    elif bar.z < params.halt_z_threshold:
        account.halted = True
        account.counters["halts"] += 1
        for side in account.sides:
            side.entries = []
        ledger.log_halt()


def final_close(ledger: Ledger, price: float) -> None:
    """After the last bar what is open closes at its close."""
    for side in ledger.account.sides:
        if side.lots:
            parts = [(lot, lot.qty) for lot in side.lots]
            ledger.close_with_slippage(side, parts, "FINAL_CLOSE", price)


def _log_curves(result: Result, account: Account, close: float, regime: int) -> None:
    unrealised = account.unrealised(close)
    result.equity.append(account.wallet + unrealised)
    result.unrealised.append(unrealised)
    result.wallet.append(account.wallet)
    result.gross.append(account.gross)
    result.fees.append(account.fees)
    result.funding.append(account.funding)
    result.insurance.append(account.insurance)
    result.regime.append(regime)


class _Bars:
    """The features of each bar as plain floats, and the bar records made from them."""

    def __init__(
        self, candles: Candles, params: Params, funding: Sequence[tuple[int, float]]
    ) -> None:
        features = features_of(candles, params)
        settlements = settlements_of(candles, funding)
        self.params = params
        self.first = warmup(candles, params)
        self.settlements = settlements_by_bar(candles, settlements)
        self.time, self.open = candles.time.tolist(), candles.open.tolist()
        self.close = candles.close.tolist()
        self.rate = last_rate_before(settlements, self.time)
        self.regime = regimes_of(candles, features.adx, params)
        self.er, self.kama = features.er.tolist(), features.kama.tolist()
        self.atr, self.z = features.atr.tolist(), features.z.tolist()
        self.sigma = features.sigma.tolist()
        self.volume_ratio = features.volume_ratio.tolist()

    def at(self, i: int, equity: float) -> Bar:
        """What is known when bar `i` opens: everything of bar i-1, and its own open."""
        k = i - 1
        p, atr, sigma = self.close[k], self.atr[k], self.sigma[k]
        return Bar(
            index=i,
            time=self.time[i],
            open=self.open[i],
            close=p,
            equity=equity,
            regime=self.regime[k],
            er=self.er[k],
            kama=self.kama[k],
            atr=atr,
            z=self.z[k],
            sigma=sigma,
            volume_ratio=self.volume_ratio[k],
            funding_rate=self.rate[i],
            spacing=spacing_at(p, atr, sigma, self.params),
            stop_distance=self.params.atr_sl_mult * atr,
        )


class _Path:
    """The candles that step 9 walks: the base bar, or the finer ones inside it."""

    def __init__(self, base: Candles, detail: object | None) -> None:
        self.timeframe = base.timeframe
        self.time = base.time.tolist()
        self.base = _rows(base)
        fine = Candles.of(detail, 0) if detail is not None else None
        self.fine_time = fine.time.tolist() if fine else []
        self.fine = _rows(fine) if fine else []

    def of(self, i: int) -> list[Ohlc]:
        if not self.fine:
            return [self.base[i]]
        start = bisect_left(self.fine_time, self.time[i])
        end = bisect_left(self.fine_time, self.time[i] + self.timeframe)
        complete = end - start == self.timeframe // (self.fine_time[1] - self.fine_time[0])
        return self.fine[start:end] if complete else [self.base[i]]


def _rows(candles: Candles) -> list[Ohlc]:
    columns = (candles.open, candles.high, candles.low, candles.close)
    return list(zip(*(column.tolist() for column in columns), strict=True))
