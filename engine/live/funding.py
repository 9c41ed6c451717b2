"""Step 10 of a live run: a settlement is booked when it happened, and as what was paid for it."""

from engine.live.run import Run
from exchange.broker import FundingRate
from exchange.timeframe import HOUR_MS

_PATIENCE_MS = 300_000
"""A payment that does not show for so long was none, and nothing was settled in an hour that does
not show a rate for so long."""

_SAME_SETTLEMENT_MS = 60_000
_ROUNDING = 1e-6
"""USDT; what was paid is what was expected within this."""

_MOST_APART = 0.5
"""Share of the mark price; what implies a price further from it was paid on another position."""


class Funding:
    """Books the settlements of a run, each once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._due: list[FundingRate] = []

    @property
    def settled(self) -> bool:
        """Whether everything that the exchange can have settled by now is booked."""
        now = self._run.clock.now_ms()
        return not self._due and self._run.memory.funded_until_ms >= now // HOUR_MS * HOUR_MS

    async def read(self) -> None:
        """Ask what was settled since the last settlement that was booked.

        Raises:
            Failure: the exchange could not be asked.
        """
        run, memory = self._run, self._run.memory
        now = run.clock.now_ms()
        hour = now // HOUR_MS * HOUR_MS
        if memory.funded_until_ms >= hour:
            return
        self._due = await run.broker.funding_rates(memory.funded_until_ms + 1)
        fresh = run.history.take_rates(self._due)
        run.store.rates.append([(rate.time_ms, float(rate.rate)) for rate in fresh])
        if not self._due and now - hour > _PATIENCE_MS:
            memory.funded_until_ms = hour
            run.save()

    async def book(self, until_ms: int) -> None:
        """Book what was settled before a time, after the fills that came before it; what is not
        paid yet is left for the next time.

        Raises:
            Failure: the exchange could not be asked.
        """
        while self._due and self._due[0].time_ms < until_ms:
            rate = self._due[0]
            self._run.book_fills(rate.time_ms)
            if not await self._book(rate.time_ms, float(rate.rate)):
                return
            del self._due[0]

    async def _book(self, time_ms: int, rate: float) -> bool:
        """Book one settlement; False while it is not paid yet."""
        run, memory = self._run, self._run.memory
        long, short = (float(side["qty"]) for side in run.kernel.state[0]["sides"])
        net = (long - short) * rate
        payments = await run.broker.funding_paid(time_ms)
        amounts = [p.amount for p in payments if p.time_ms < time_ms + _SAME_SETTLEMENT_MS]
        if net and not amounts and run.clock.now_ms() - time_ms < _PATIENCE_MS:
            return False
        mark = float(await run.broker.mark_price()) if long or short else 0.0
        if not amounts:
            if not net:
                run.kernel.book_funding(mark, rate)
        elif any(memory.not_ours):
            # the payment is for what is not ours as well
            run.kernel.book_funding(mark, rate)
        else:
            self._book_paid(float(sum(amounts)), net, mark, rate)
        memory.funded_until_ms = time_ms
        run.save()
        return True

    def _book_paid(self, paid: float, net: float, mark: float, rate: float) -> None:
        kernel = self._run.kernel
        implied = -paid / net if net else 0.0
        if abs(paid + net * mark) <= _ROUNDING:
            kernel.book_funding(mark, rate)
        elif net and abs(implied / mark - 1) < _MOST_APART:
            kernel.book_funding(implied, rate)
        else:
            # of lots that are gone by now: no lot's result can take it
            kernel.state["wallet"] += paid
            kernel.state["funding"] += paid
