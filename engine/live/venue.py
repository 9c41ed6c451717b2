"""Where a bot trades: Binance, its demo, or a paper exchange, opened and set up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from engine.live.clock import BrokerClock
from engine.live.config import HURRIED_START, PAPER_WALLET, BotConfig, exchange_leverage
from engine.live.start import Exchange
from engine.params import StrategyParams
from exchange.binance import BinanceBroker
from exchange.binance.client import Keys, Venue
from exchange.broker import Broker
from exchange.dryrun import DryRunBroker
from exchange.paper.listing import Offer, load_offer
from exchange.paper.server import PAPER_KEYS, PaperExchange


@contextlib.asynccontextmanager
async def open_account(config: BotConfig, market: BinanceBroker) -> AsyncIterator[Broker]:
    """The broker of a mode: the market's own, or a made-up account on it, whose files it reads."""
    if config.mode != "dry-run":
        yield market
        return
    params = config.params
    async with DryRunBroker(
        market,
        wallet=Decimal(str(config.capital or PAPER_WALLET)),
        leverage=exchange_leverage(params),
        maker=Decimal(str(params.fee_maker)),
        taker=Decimal(str(params.fee_taker)),
        slippage=Decimal(str(params.slippage)),
        keep=config.folder / f"{config.symbol.id}_account.json",
    ) as broker:
        yield broker


@contextlib.asynccontextmanager
async def open_market(
    config: BotConfig, about: dict[str, Any] | None = None
) -> AsyncIterator[BinanceBroker]:
    """Binance, or the paper exchange in its place; of a dry run the market alone.

    Args:
        about: gets what is to be said of the market: its `source`.

    Raises:
        Failure: the exchange cannot be reached.
        DataError: as `load_offer`, for paper.
    """
    about = {} if about is None else about
    coin = config.symbol
    if config.mode != "paper":
        named = "Binance's demo trading" if config.mode == "demo" else "Binance"
        about["source"] = config.base_url or named
        async with BinanceBroker(coin, config.keys, config.venue) as broker:
            yield broker
        return
    offer = await asyncio.to_thread(_offer, config)
    about["source"] = offer.listings[0].source
    paper = PaperExchange(
        offer.listings,
        start=offer.start_ms,
        speed=config.speed,
        from_now=offer.from_now,
        wallet=Decimal(str(config.capital or PAPER_WALLET)),
        small_closes=True,
        kept=0,
    )
    keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
    async with paper, BinanceBroker(coin, keys, Venue(base_url=paper.url)) as broker:
        yield broker


def _offer(config: BotConfig) -> Offer:
    simulated = str(config.source) == "sim"
    start = config.start or (HURRIED_START if simulated and config.speed != 1.0 else None)
    coins = [config.symbol.coin]
    return load_offer(coins, config.source, start, speed=config.speed, seed=config.seed)


async def prepare(speed: float, params: StrategyParams, broker: Broker) -> Exchange:
    """Set hedge mode, cross margin and leverage; returns what a run needs of the exchange.

    Args:
        speed: how many times faster than ours the exchange's clock runs.

    Raises:
        Failure: the exchange refused one of them, or cannot be reached.
    """
    await broker.ensure_hedge_mode()
    await broker.ensure_cross_margin()
    leverage = exchange_leverage(params)
    if await broker.leverage() != leverage:
        await broker.set_leverage(leverage)
    return Exchange(broker, await broker.market(), BrokerClock(broker, speed))
