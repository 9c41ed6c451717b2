"""What an operator is told before a bot begins with an account: money, mode, evidence, risk."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.live.config import BotConfig
    from engine.live.preflight import Preflight
    from engine.optimize.verdict import Status
    from exchange.binance.keys import FoundKeys

UNPROVEN = "UNPROVEN"
"""Typed as well before parameters trade real money for which nothing speaks."""

EVIDENCE = {
    "none": "none: no optimizer's report is about these parameters, this coin and these candles",
    "failing": "AGAINST: the newest optimizer's report of them does not say ROBUST",
    "passing": "the newest optimizer's report of them says ROBUST",
}


def vouched(config: "BotConfig") -> "Status":
    """What the optimizer's reports say of what is to be traded."""
    from engine.optimize.verdict import report_status

    return report_status(config.params, config.data_dir, config.symbol.pair, config.timeframe)


def briefing(
    config: "BotConfig", found: "FoundKeys | None", looked: "Preflight", evidence: "Status"
) -> list[tuple[str, str]]:
    """Labels and texts; a label is empty where a text goes on."""
    from engine.live.config import exchange_leverage
    from engine.wording import BADGES, amount

    params = config.params
    wallet = "unknown" if looked.wallet is None else f"{amount(looked.wallet)} USDT"
    capital = "the whole wallet" if config.capital is None else f"{amount(config.capital)} USDT"
    if config.resume and looked.earlier is not None:
        capital += f", of the run that goes on; it has {looked.earlier.left}"
    worst = "unknown" if looked.worst_case is None else f"-{amount(looked.worst_case)} USDT"
    sides = "long and short" if params.allow_short else "long only"
    return [
        ("account", f"key {found.ending} from {found.source}" if found else "unknown"),
        ("balance", wallet),
        ("capital", capital),
        ("mode", f"{BADGES[config.mode]}, {sides}, hedge mode, cross margin"),
        ("leverage", f"{params.leverage}x (the exchange is set to {exchange_leverage(params)}x)"),
        ("evidence", EVIDENCE[evidence]),
        ("worst case", f"{worst} if this grid fills and is stopped once; gaps cost more"),
        ("it ends", "with everything closed at 25 % below its peak equity, which later grids and"),
        ("", "stops can reach: the capital, not the worst case, is what is at risk"),
    ]
