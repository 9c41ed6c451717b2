"""The exchange's wallet against ours, once a bar: what differs was paid for nothing we know of."""

from collections.abc import Callable

from engine.live.asked import BY_POSITIONS
from engine.live.funding import Funding
from engine.live.orders import held_qty
from engine.live.run import Run

TOLERANCE = 0.001
"""USDT; beyond what rounding of fees and results can come to."""

_LOOKS = 3
"""A difference must be seen so often: a fill may lie between two answers."""


class WalletCheck:
    """Notices money that comes or goes without a trade, fee or settlement of the run.

    What the wallet holds beyond the run's is seen first, and counts as the account's from then on;
    open results count at one mark price, since the exchange realises them by its mean entry.

    Args:
        run: whose.
        funding: while it waits for a payment, nothing is compared.

    Attributes:
        shared: whether other bots trade with the same wallet; nothing is compared then.
    """

    def __init__(self, run: Run, funding: Funding) -> None:
        self._run = run
        self._funding = funding
        self._bar = -1
        self._looks = 0
        self.shared: Callable[[], bool] = lambda: False

    async def look(self) -> None:
        """Compare, if that was not done in this bar.

        Raises:
            Failure: wallet or positions could not be read.
        """
        run, memory = self._run, self._run.memory
        if memory.bar == self._bar or not self._funding.settled:
            return
        if any(memory.not_ours) or BY_POSITIONS in memory.paused or self.shared():
            self._bar, memory.beyond = memory.bar, None
            return
        beyond = await self._beyond()
        if beyond is None:
            return
        change = 0.0 if memory.beyond is None else beyond - memory.beyond
        if abs(change) > TOLERANCE:
            self._looks += 1
            if self._looks < _LOOKS:
                return
            memory.unexplained += change
            words = f"{change:+,.4f} USDT in the exchange's wallet are not of this run's trades"
            advice = "a transfer, a rebate, or somebody else's trades"
            run.alarm("wallet", f"{words}: {advice}", passing=True)
        if memory.beyond is None or abs(change) > TOLERANCE:
            memory.beyond = beyond
        self._bar, self._looks = memory.bar, 0

    async def _beyond(self) -> float | None:
        """USDT that the exchange has beyond ours; None if a trade came in between."""
        run, state = self._run, self._run.kernel.state
        shown = await run.broker.positions()
        there = float((await run.broker.balance()).wallet)
        here = float(state["wallet"][0])
        for number, position in enumerate((shown.long, shown.short)):
            if position.qty != held_qty(state, number):
                return None
            there += float(position.unrealised)
            if position.qty:
                here += run.unrealised(float(position.mark_price))[number]
        return there - here
