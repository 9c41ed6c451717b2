"""How a live run begins, and how it goes on after whatever ended it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from engine.errors import ParameterError
from engine.features import DAY_MS, warmup_bars
from engine.live.asked import BY_OPERATOR, RESUMED
from engine.live.clock import Clock
from engine.live.desk import remembered
from engine.live.filters import Filters
from engine.live.history import History
from engine.live.memory import Memory
from engine.live.run import Run, Tell
from engine.live.runner import DOUBT, LiveRunner
from engine.live.store import RunStore
from engine.params import StrategyParams
from exchange.broker import Broker, FundingRate, ListedMarket
from exchange.checks import CANDLE_COLUMNS
from exchange.errors import DataError
from exchange.timeframe import timeframe_ms
from indicators.gmm import FIT_ROWS, REFIT_BARS, RETURN_BARS

_VOLUME_DAYS = 7
_RUN_DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where a run trades: the broker, the market as it lists it, and its clock."""

    broker: Broker
    listed: ListedMarket
    clock: Clock


def history_bars(params: StrategyParams, timeframe: str) -> int:
    """Candles before the first decision, so that every feature in use has all that it looks at."""
    length = timeframe_ms(timeframe)
    volume = _VOLUME_DAYS * DAY_MS // length + 1
    mixture = RETURN_BARS + FIT_ROWS + REFIT_BARS if params.use_ml_regime else 0
    slow = 10 * max(params.kama_period, params.atr_period, params.adx_period)
    return int(max(volume, mixture, slow * params.regime_timeframe_mult))


async def begin(
    exchange: Exchange,
    params: StrategyParams,
    store: RunStore,
    tell: Tell,
    *,
    timeframe: str = "15m",
    capital: float | None = None,
    first_ms: int | None = None,
    run_id: str | None = None,
) -> LiveRunner:
    """A new run: its history is read, and it stands before the bar under way.

    Args:
        capital: USDT; None: the wallet.
        first_ms: open of the first candle of its history; None: `history_bars` back, at the start
            of a bucket of the regime's timeframe.
        run_id: part of every order id; None: a random one.

    Raises:
        Failure: the exchange.
        DataError: fewer candles than the indicators need, or no capital.
        StateError: the disk.
    """
    broker, listed, clock = exchange.broker, exchange.listed, exchange.clock
    await clock.sync()
    if capital is None:
        capital = float((await broker.balance()).wallet)
    if not capital > 0:
        raise DataError(f"there is no capital to trade with: {capital} USDT")
    length = timeframe_ms(timeframe)
    if first_ms is None:
        bucket = params.regime_timeframe_mult * length
        first_ms = (clock.now_ms() - history_bars(params, timeframe) * length) // bucket * bucket
    params = params.model_copy(update={"initial_capital": capital})
    name = run_id or "".join(secrets.choice(_RUN_DIGITS) for _ in range(6))
    memory = Memory.fresh(
        name, listed.market.symbol.id, timeframe, params.model_dump(), capital, first_ms
    )
    history = History(params, length)
    await _read_on(exchange, history, memory, store)
    needed = warmup_bars(history.time, params, length) if len(history) else 1
    if len(history) < needed:
        raise DataError(
            f"the exchange shows {len(history)} closed candles of {timeframe}; the indicators "
            f"need {needed}"
        )
    memory.bar = memory.began = len(history)
    memory.filters = [Filters.of(listed.market, memory.bar)]
    memory.opened_ms = int(history.time[-1]) + length
    memory.funded_until_ms = memory.opened_ms - 1
    memory.phase, memory.exit_step = "deciding", -1
    fills = await broker.trades_since(None)
    memory.last_trade_id = fills[-1].trade_id if fills else None
    positions = await broker.positions()
    memory.not_ours = [positions.long.qty, positions.short.qty]
    run = Run(broker, listed, params, memory, history, store, clock, tell)
    run.save()
    _tell_not_ours(run)
    return LiveRunner(run)


async def resume(exchange: Exchange, store: RunStore, tell: Tell) -> LiveRunner:
    """Go on with the run that the files tell of, as if it had not been interrupted.

    The next `tick` finds out what became of orders under way, books what has filled meanwhile,
    and catches up with the bars that were missed: those are not decided on.

    Raises:
        Failure: the exchange.
        DataError: no state, one of another format or symbol, or a history that does not fit.
        StateError: the disk, or no file that can be used.
    """
    restored = store.load()
    symbol = exchange.listed.market.symbol
    if restored is None:
        raise DataError(f"{store.folder}: there is no state of {symbol} to go on with")
    memory = restored.memory
    if memory.symbol != symbol.id:
        raise DataError(f"{store.folder}: the state is of {memory.symbol}, not of {symbol}")
    try:
        params = StrategyParams(**memory.params)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the parameters in the state cannot be used: {error}") from error
    await exchange.clock.sync()
    history = History(params, timeframe_ms(memory.timeframe))
    history.take(_recorded(store, memory))
    history.take_rates(_recorded_rates(store, memory))
    if len(history) < memory.bar:
        await _read_on(exchange, history, memory, store)
    if len(history) < memory.bar:
        raise DataError(
            f"{len(history)} candles from {memory.first_ms} on can be had, the state has seen "
            f"{memory.bar}"
        )
    history.cut(memory.bar)
    broker, listed, clock = exchange.broker, exchange.listed, exchange.clock
    run = Run(broker, listed, params, memory, history, store, clock, tell)
    for entry in store.journal.records(memory.journal_seq):
        sent = remembered(entry.record)
        if sent is not None and sent.client_id.run == memory.run:
            # written down after the state was saved: whether it left is to be asked
            memory.saw_id(sent.client_id)
            memory.orders.setdefault(str(sent.client_id), sent)
    for note in restored.notes:
        run.note(note)
    if restored.doubts:
        _doubt(run, restored.doubts)
    run.go_by(listed)
    run.asked.act_for(RESUMED)
    await _ask_for_stops(run)
    return LiveRunner(run)


def _doubt(run: Run, doubts: Sequence[str]) -> None:
    """What was done last may not be known: nothing is done twice, and a person looks first."""
    memory = run.memory
    memory.doubted_ms = run.clock.now_ms()
    if BY_OPERATOR not in memory.paused:
        memory.paused.append(BY_OPERATOR)
    pending = memory.pending
    sent = {order.purpose for order in memory.orders.values()}
    if pending is not None and pending.purpose(memory.bar) not in sent:
        memory.pending = None
    run.alarm(
        DOUBT,
        f"{'; '.join(doubts)}. What has filled since is booked; stops and take-profits are laid, "
        "no exit is sent in the bar under way, and entries wait: compare positions and orders with "
        "the exchange's, then resume",
    )


async def _ask_for_stops(run: Run) -> None:
    """Only who asks for a stop learns which market order it has become."""
    for sent in run.memory.alive:
        if sent.purpose.role == "stop" and sent.status == "resting":
            found = await run.broker.find(sent.client_id)
            if found is not None:
                sent.update(found)


async def _read_on(exchange: Exchange, history: History, memory: Memory, store: RunStore) -> None:
    """Read candles and settlements from where the history ends, and record them."""
    known = len(history)
    since = int(history.time[-1]) if known else memory.first_ms
    history.take(await exchange.broker.closed_candles(memory.timeframe, since))
    rates = history.take_rates(await exchange.broker.funding_rates(memory.first_ms))
    store.candles.append(history.rows(known))
    store.rates.append([(rate.time_ms, float(rate.rate)) for rate in rates])


def _recorded(store: RunStore, memory: Memory) -> pd.DataFrame:
    rows: Sequence[Sequence[float | None]] = store.candles.rows(memory.first_ms)
    return pd.DataFrame([list(row) for row in rows], columns=list(CANDLE_COLUMNS))


def _recorded_rates(store: RunStore, memory: Memory) -> list[FundingRate]:
    rows = store.rates.rows(memory.first_ms)
    return [
        FundingRate(int(time), Decimal(repr(rate)))
        for time, rate in rows
        if time is not None and rate is not None
    ]


def _tell_not_ours(run: Run) -> None:
    for name, qty in zip(("long", "short"), run.memory.not_ours, strict=True):
        if qty:
            run.note(f"{qty} {name} was there before this run: it is left alone")
