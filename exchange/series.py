"""Which series: the candles of one timeframe, or the funding, of one symbol on one market."""

import re
from dataclasses import dataclass
from typing import Literal

from exchange.errors import DataError
from exchange.funding_rates import SETTLEMENT_MS
from exchange.symbol import Symbol
from exchange.timeframe import TIMEFRAMES, timeframe_ms

Market = Literal["perpetual", "spot"]

_STEM = re.compile(
    r"([A-Z0-9]{1,20}USDT)(-spot)?(-sim)?(?:-at-([a-z0-9.-]{1,80}))?_([0-9]{1,2}[mhd]|funding)"
)
_SERVER = re.compile(r"[a-z0-9.-]{0,80}")


@dataclass(frozen=True, slots=True)
class Series:
    """Candles (`timeframe` "15m") or funding (`timeframe` None).

    Spot and perpetual prices, real and made-up ones, and Binance's and another server's are
    different series, so that no file can hold a mixture.

    Args:
        server: which market answered in Binance's place, see `exchange.servers`; "": Binance.

    Raises:
        DataError: the timeframe is not known, funding of a spot market, which has none, or a
            server's name of other than lower-case letters, digits, dots and dashes.
    """

    symbol: Symbol
    timeframe: str | None
    market: Market = "perpetual"
    simulated: bool = False
    server: str = ""

    def __post_init__(self) -> None:
        if self.market not in ("perpetual", "spot"):
            raise DataError(f"market {self.market!r} is not known: use perpetual or spot")
        if self.timeframe is not None:
            timeframe_ms(self.timeframe)
        elif self.market == "spot":
            raise DataError(f"{self.symbol} has no funding on the spot market: use perpetual")
        if not _SERVER.fullmatch(self.server):
            raise DataError(f"{self.server!r} cannot name a server: use letters, digits, . and -")

    @property
    def is_binances(self) -> bool:
        """Whether Binance can be asked for what is missing."""
        return self.market == "perpetual" and not self.simulated and not self.server

    @property
    def kind(self) -> Literal["candles", "funding"]:
        return "funding" if self.timeframe is None else "candles"

    @property
    def step_ms(self) -> int:
        """Length of a candle, or the longest time between two settlements."""
        return SETTLEMENT_MS if self.timeframe is None else timeframe_ms(self.timeframe)

    @property
    def stem(self) -> str:
        """`BTCUSDT_15m`, `SOLUSDT-spot_1m`, `BTCUSDT-at-10.0.0.7_1m`: its files' names begin so."""
        marks = ("-spot" if self.market == "spot" else "") + ("-sim" if self.simulated else "")
        marks += f"-at-{self.server}" if self.server else ""
        return f"{self.symbol.id}{marks}_{self.timeframe or 'funding'}"

    @classmethod
    def of_stem(cls, stem: str) -> "Series | None":
        """The series that files of this stem belong to; None if it is none."""
        match = _STEM.fullmatch(stem)
        if not match:
            return None
        name, spot, simulated, server, timeframe = match.groups()
        if timeframe != "funding" and timeframe not in TIMEFRAMES:
            return None
        try:
            return cls(
                Symbol.parse(name),
                None if timeframe == "funding" else timeframe,
                "spot" if spot else "perpetual",
                bool(simulated),
                server or "",
            )
        except DataError:
            return None

    def __str__(self) -> str:
        """`BTC/USDT 15m`, `SOL/USDT 1m spot`, `ETH/USDT funding at 10.0.0.7`."""
        marks = (" spot" if self.market == "spot" else "") + (" SIMULATED" * self.simulated)
        marks += f" at {self.server}" if self.server else ""
        return f"{self.symbol} {self.timeframe or 'funding'}{marks}"
