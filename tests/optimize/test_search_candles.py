"""The candles of a search: one time for all coins, a fingerprint, one copy in memory (2 s)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine.errors import ParameterError
from engine.optimize.candles import Candles
from engine.optimize.shared import SharedCandles, attached
from exchange.candles import fetch_data
from tests.optimize.candles import random_candles

HOUR_MS = 3_600_000


def table(coin: str, start: str, end: str) -> pd.DataFrame:
    return fetch_data(coin, "1h", start, end, source="sim")


def test_only_the_time_that_all_coins_share_is_searched() -> None:
    candles = Candles.common(
        [table("BTC", "2022-01-01", "2022-02-01"), table("SOL", "2022-01-10", "2022-03-01")]
    )
    assert candles.pairs == ("BTC/USDT", "SOL/USDT")
    assert candles.bars == 22 * 24
    for coin in candles.coins:
        assert coin.bars.time[0] == candles.first_ms
        assert coin.bars.time[-1] == candles.end_ms - HOUR_MS
        assert coin.bars.close.flags.writeable
    assert "BTC: 216 candles outside the time that all coins share" in " ".join(candles.notes)
    assert candles.simulated


def test_coins_without_a_common_time_cannot_be_searched_together() -> None:
    with pytest.raises(ParameterError, match="the coins have no time in common"):
        Candles.common(
            [table("BTC", "2022-01-01", "2022-02-01"), table("SOL", "2022-03-01", "2022-04-01")]
        )


def test_the_fingerprint_knows_every_number_and_no_order_of_coins() -> None:
    candles = random_candles("wild", "gaps", length=500)
    assert replace(candles, coins=candles.coins[::-1]).fingerprint == candles.fingerprint
    assert replace(candles, timeframe="1h").fingerprint != candles.fingerprint
    assert replace(candles, coins=candles.coins[:1]).fingerprint != candles.fingerprint
    before = candles.fingerprint
    for column in (*candles.coins[1].bars, *(candles.coins[1].settled or ())):
        kept = column[7]
        column[7] = 3
        assert candles.fingerprint != before
        column[7] = kept
    assert candles.fingerprint == before


def test_shared_candles_are_the_same_memory_and_the_same_numbers() -> None:
    candles = random_candles("wild", "gaps", length=500)
    with SharedCandles(candles) as shared:
        seen, block = attached(shared.shelf)
        assert seen.fingerprint == candles.fingerprint
        assert seen.pairs == candles.pairs
        again, other = attached(shared.shelf)
        seen.coins[0].bars.close[3] = 4.25
        assert again.coins[0].bars.close[3] == 4.25
        assert all(len(coin.bars.time) == 0 for coin in shared.shelf.candles.coins)
        del seen, again
        for each in (block, other):
            each.close()


def test_where_a_coin_misses_a_bar_the_data_are_not_cut() -> None:
    candles = random_candles("gaps", "calm", length=500)
    [holes, _] = candles.coins
    missing = np.setdiff1d(
        np.arange(candles.bars), (holes.bars.time - candles.first_ms) // candles.timeframe_ms
    )
    assert len(missing) > 5
    assert not candles.solid[missing].any()
    behind = missing + 1
    assert not candles.solid[behind[behind < candles.bars]].any()
    assert candles.solid.sum() > candles.bars / 2
