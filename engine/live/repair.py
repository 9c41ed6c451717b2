"""Positions that the trades do not explain: the operator says whose they are."""

from decimal import Decimal

from engine.account import SIDE_NAMES
from engine.live.asked import by_operator
from engine.live.orders import held_qty
from engine.live.runner import LiveRunner
from engine.trades import EXTERNAL_CLOSE
from exchange.broker import Position, plain
from state.control import CommandError


class Repair:
    """Settles a difference between the exchange's positions and ours, on the operator's word.

    Trades explain most differences, and are booked by themselves; what is left is never settled
    without being asked for. `by`: see `engine.live.asked`.
    """

    def __init__(self, runner: LiveRunner) -> None:
        self._runner = runner

    async def adopt(self, by: str = by_operator("adopt")) -> str:
        """The exchange's positions become ours: what is more opens a lot at the position's entry
        price, what is less closes our oldest lots at the mark price.

        Raises:
            Failure: positions or prices could not be read.
        """
        return await self._settle(by, adopt=True)

    async def disown(self, by: str = by_operator("disown")) -> str:
        """What the exchange holds beyond our lots is not ours, and is left alone.

        Raises:
            CommandError: the exchange holds less than our lots.
            Failure: positions could not be read.
        """
        return await self._settle(by, adopt=False)

    async def _settle(self, by: str, *, adopt: bool) -> str:
        runner, run = self._runner, self._runner.run
        async with runner.lock:
            await run.read_fills()
            run.book_fills()
            shown = await run.broker.positions()
            mark = float(await run.broker.mark_price())
            done = []
            for side, position in enumerate((shown.long, shown.short)):
                words = self._settle_side(side, position, mark, adopt=adopt)
                if words:
                    done.append(f"{SIDE_NAMES[side]} {words}")
            run.write_trades()
            run.save()
            await runner.reconciler.check_positions()
        run.asked.act_for(by)
        await runner.tick()
        return "; ".join(done) or "positions were equal"

    def _settle_side(self, side: int, position: Position, mark: float, *, adopt: bool) -> str:
        run = self._runner.run
        ours = held_qty(run.kernel.state, side)
        if not adopt:
            if position.qty < ours:
                raise CommandError(
                    f"the exchange holds {plain(position.qty)} {SIDE_NAMES[side]}, our lots are "
                    f"{plain(ours)}: nothing there is not ours; `gridtui adopt` books what is gone"
                )
            changed = position.qty - ours - run.memory.not_ours[side]
            run.memory.not_ours[side] = position.qty - ours
            return f"{changed} more is not ours" if changed else ""
        more = position.qty - ours
        run.memory.not_ours[side] = Decimal(0)
        if more > 0:
            order = (run.memory.bar, 0, 0)
            run.kernel.fill_entry(side, float(position.entry_price), float(more), 0.0, order)
            return f"{more} adopted at {position.entry_price}"
        if more < 0:
            run.kernel.fill_exit(
                side, None, mark, float(-more), 0.0, EXTERNAL_CLOSE, run.memory.bar
            )
            return f"{-more} of our lots is gone, closed at {mark:g}"
        return ""
