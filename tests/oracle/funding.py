"""When funding settles and at which rate, real where known and synthetic elsewhere."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from tests.oracle.features import Candles, trailing_mean
from tests.oracle.state import Account

_INTERVAL = 8 * 3_600_000
_NEUTRAL = 1e-4
_LIMIT = 3e-4

Settlement = tuple[int, float]


def settlements_of(candles: Candles, real: Sequence[Settlement]) -> list[Settlement]:
    """All settlements in order of time, (ms, rate).

    A synthetic one stands at each 00, 08 and 16 UTC that lies behind a closed bar and has no
    real one in the eight hours up to it (the earlier end excluded). A bar closes at the next open.
    """
    known = [(int(time), float(rate)) for time, rate in real]
    if len(candles) == 0:
        return known
    times = [time for time, _ in known]
    ends = candles.closes_at.tolist()
    closes = candles.close.tolist()
    day_means = trailing_mean(candles.close, candles.bars_per_day).tolist()
    synthetic = []
    for time in range(-(-ends[0] // _INTERVAL) * _INTERVAL, ends[-1], _INTERVAL):
        if bisect_right(times, time) == bisect_right(times, time - _INTERVAL):
            bar = bisect_right(ends, time) - 1
            synthetic.append((time, _synthetic_rate(closes[bar], day_means[bar])))
    return sorted(known + synthetic)


def _synthetic_rate(close: float, day_mean: float) -> float:
    deviation = 0.0 if day_mean != day_mean else 100.0 * (close / day_mean - 1.0)
    return min(_LIMIT, max(-_LIMIT, _NEUTRAL + 0.5e-4 * deviation))


def last_rate_before(settlements: list[Settlement], times: list[int]) -> list[float]:
    """For each time the rate that settled last, strictly before it."""
    stamps = [time for time, _ in settlements]
    found = (bisect_left(stamps, time) - 1 for time in times)
    return [settlements[k][1] if k >= 0 else _NEUTRAL for k in found]


def settlements_by_bar(candles: Candles, settlements: list[Settlement]) -> dict[int, list[float]]:
    """Bar index -> the rates that settle inside it, up to the open of the next bar."""
    times = candles.time.tolist()
    end = times[-1] + candles.timeframe if times else 0
    rates: dict[int, list[float]] = {}
    for time, rate in settlements:
        if times and times[0] <= time < end:
            rates.setdefault(bisect_right(times, time) - 1, []).append(rate)
    return rates


def book_funding(account: Account, rate: float, price: float) -> None:
    """Longs pay a positive rate on their notional at `price`, shorts receive it."""
    for side in account.sides:
        for lot in side.lots:
            paid = -side.sign * rate * lot.qty * price
            lot.funding += paid
            account.funding += paid
            account.wallet += paid
    if account.long.lots or account.short.lots:
        account.counters["funding settlements"] += 1
