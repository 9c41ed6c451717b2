"""Before the first bar of a run: whether it may begin at all, and what is said of it."""

from engine.account import SIDE_NAMES
from engine.live.config import PAPER_WALLET, BotConfig
from engine.live.earlier import refuse_strays
from engine.live.memory import Memory
from engine.live.sizes import require_orders
from engine.params import StrategyParams
from engine.wording import amount, plural
from exchange.binance import BinanceBroker
from exchange.broker import plain


async def require_beginning(config: BotConfig, market: BinanceBroker) -> None:
    """See that a new run can lay orders, and that nobody else's protection is in its way.

    Raises:
        DataError: its capital is too small or too large for one order; or orders of another run
            rest at the exchange and nobody has said what is to become of them.
        Failure: the exchange.
    """
    capital = config.capital
    if capital is None and config.mode == "dry-run":
        capital = PAPER_WALLET
    if capital is None:
        capital = float((await market.balance()).wallet)
    if capital > 0:
        listed, price = await market.market(), await market.mark_price()
        require_orders(config.params, capital, listed, float(price))
    if config.mode in ("live", "demo") and not config.fresh:
        refuse_strays(await market.open_orders())


def introduction(config: BotConfig, memory: Memory, server: str) -> str:
    """What trades where with what, in one line.

    Args:
        memory: of the run that begins or goes on.
        server: who is asked.
    """
    params = StrategyParams(**memory.params)
    sides = memory.kernel[0]["sides"]
    held = sum(int(sides[number]["lot_count"]) for number in range(len(SIDE_NAMES)))
    doing = "goes on" if config.resume else "begins"
    parts = [
        f"{doing} at {server}, account {config.account}",
        f"capital {amount(memory.capital)} USDT",
        f"leverage {params.leverage}x",
        f"{plural(held, 'lot')} and {plural(len(memory.alive), 'order')} of ours",
        *(
            f"not ours: {name} {plain(qty)}"
            for name, qty in zip(SIDE_NAMES, memory.not_ours, strict=True)
            if qty
        ),
        f"parameters that are not the defaults: {changed(params) or 'none'}",
    ]
    return "; ".join(parts)


def changed(params: StrategyParams) -> str:
    """`gamma=0.3, grid_levels=5`: what differs from the defaults; the capital is told elsewhere."""
    defaults = StrategyParams().model_dump()
    return ", ".join(
        f"{name}={value}"
        for name, value in params.model_dump().items()
        if value != defaults[name] and name not in ("initial_capital", "leverage")
    )
