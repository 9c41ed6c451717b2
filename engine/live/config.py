"""What a bot is to do, checked."""

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.live.earlier import Earlier, damaged_states, earlier_run
from engine.live.folders import log_file, state_folder
from engine.params import StrategyParams
from exchange.binance.client import Keys, Venue
from exchange.errors import DataError
from exchange.symbol import Symbol

Mode = Literal["live", "demo", "paper", "dry-run"]

PAPER_WALLET = 10_000
HURRIED_START = "2026-01-12T12:00"
"""Where a simulated market begins that runs faster than time: a Monday's noon, always the same, so
that two runs see one market. In real time it begins now."""

_LEVERAGE_RESERVE = 3
"""The exchange's leverage is this many times the strategy's: two sides at 70 % of the equity and
their orders must fit into the margin. With cross margin it does not move the liquidation price."""

_LOWEST_LEVERAGE = 5
_FASTEST = 1e5


@dataclass(frozen=True, slots=True)
class BotConfig:
    """What a bot is to do.

    Args:
        symbol: the coin.
        mode: where its orders go.
        params: of the strategy; `initial_capital` is replaced by `capital`. A run that is resumed
            keeps its own.
        data_dir: its files lie in `live_state` there.
        capital: USDT; None: the whole wallet.
        keys: of the account; only paper and dry runs need none.
        resume: go on with the state on disk.
        fresh: put the state on disk aside even if lots or orders of it are at the exchange.
        source, speed, seed, start: of the paper exchange; see `exchange.paper.listing.load_offer`.
        base_url: a server of Binance's dialect in its place.
        control: whether watchers may also steer.

    Raises:
        DataError: parts that cannot be, or do not belong together; one line.
    """

    symbol: Symbol
    mode: Mode
    params: StrategyParams
    data_dir: Path
    timeframe: str = "15m"
    capital: float | None = None
    keys: Keys | None = field(default=None, repr=False)
    resume: bool = False
    fresh: bool = False
    source: str | Path = "sim"
    speed: float = 1.0
    seed: int = 4
    start: str | None = None
    base_url: str | None = None
    control: bool = True

    def __post_init__(self) -> None:
        if self.mode in ("live", "demo") and self.keys is None:
            raise DataError("trading needs an API key: set BINANCE_API_KEY and BINANCE_API_SECRET")
        if self.resume and self.fresh:
            raise DataError("--resume and --fresh exclude each other: leave one out")
        if self.mode == "paper" and self.resume:
            raise DataError(
                "a paper exchange ends with its bot: start without --resume, or use --dry-run"
            )
        if self.mode != "paper" and self.speed != 1.0:
            raise DataError("only a paper exchange has a speed: leave --speed out, or add --paper")
        if not 0 < self.speed <= _FASTEST:
            raise DataError(f"speed {self.speed:g} is out of range: above 0, up to {_FASTEST:g}")
        if self.capital is not None and not 0 < self.capital < math.inf:
            raise DataError(f"capital {self.capital:g} is not an amount of USDT: use one above 0")

    @property
    def simulated(self) -> bool:
        """Whether the market is made up."""
        return self.mode == "paper" and str(self.source) in ("sim", "cache-sim")

    @property
    def account(self) -> str:
        """Names the account without telling its key."""
        if self.keys is None:
            return self.mode
        return f"{self.mode}-{hashlib.sha256(self.keys.api_key.encode()).hexdigest()[:12]}"

    @property
    def folder(self) -> Path:
        """Of the state."""
        return state_folder(self.data_dir, self.mode)

    @property
    def log_file(self) -> Path:
        """Of the log."""
        return log_file(self.data_dir, self.mode, self.symbol.id)

    @property
    def venue(self) -> Venue:
        """Which Binance; not of a paper exchange, which is made first."""
        return Venue(testnet=self.mode == "demo", base_url=self.base_url)


def run_to_resume(config: BotConfig) -> Earlier:
    """The run that goes on with `--resume`; for whoever holds its lock.

    Raises:
        StateError, DataError: there is none, or its files cannot be used.
    """
    earlier = earlier_run(config.folder, config.symbol)
    if earlier is None:
        raise DataError(
            _lost(config)
            or f"{config.folder}: there is no state of {config.symbol} to go on with; start "
            "without --resume"
        )
    return earlier


def unfinished(config: BotConfig) -> str:
    """Why a bot may not begin afresh without being told to, in one line; "" if it may.

    Raises:
        StateError, DataError: files are there but cannot be used.
    """
    if config.mode == "paper":
        return ""
    earlier = earlier_run(config.folder, config.symbol)
    if earlier is None:
        return _lost(config)
    if not earlier.unfinished:
        return ""
    return (
        f"an earlier run of {config.symbol} has, according to {earlier.source.name}, "
        f"{earlier.left} at the exchange: --resume goes on with it, --fresh leaves them alone and "
        f"moves its files into {config.folder / 'old'}"
    )


def _lost(config: BotConfig) -> str:
    """That there was a state, and none of it can be used; "" if there was none."""
    damaged = damaged_states(config.folder, config.symbol)
    if not damaged:
        return ""
    return (
        f"the state of an earlier run of {config.symbol} is damaged ({damaged[-1]}), so that "
        "nobody knows what it has at the exchange: look there, then --fresh leaves that alone and "
        f"moves its files into {config.folder / 'old'}"
    )


def exchange_leverage(params: StrategyParams) -> int:
    """What the exchange is set to, so that the margin holds both sides and their orders."""
    return min(125, max(_LOWEST_LEVERAGE, _LEVERAGE_RESERVE * int(params.leverage)))
