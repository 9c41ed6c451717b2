"""What the strategy remembers between bars, and what a run hands back."""

from collections import Counter, deque
from dataclasses import dataclass, field

LONG, SHORT = 1, -1
SIDE_NAME = {LONG: "long", SHORT: "short"}


@dataclass(frozen=True, slots=True)
class Market:
    """Price tick, quantity step, minimum notional (quote currency) and the margin tiers.

    A tier is (notional floor, notional cap, maintenance margin rate, amount taken off).
    """

    tick: float
    step: float
    min_notional: float
    tiers: tuple[tuple[float, float, float, float], ...] | list[tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Trade:
    """A row of the trade log. `pnl` is net of `fee` and 0 in openings; `funding` + is received.

    `born` is the bar in whose step 8 the order was last sent; of market exits and stops, `bar`.
    """

    bar: int
    timestamp: int
    side: str
    label: str
    price: float
    qty: float
    pnl: float
    fee: float
    funding: float
    regime: int
    born: int


@dataclass(slots=True)
class Result:
    """The trade log and, one value per bar, the curves: equity at the close (the last after the
    final close), the wallet and its parts summed since the start, and the regime in force."""

    trades: list[Trade] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    wallet: list[float] = field(default_factory=list)
    gross: list[float] = field(default_factory=list)
    fees: list[float] = field(default_factory=list)
    funding: list[float] = field(default_factory=list)
    insurance: list[float] = field(default_factory=list)
    unrealised: list[float] = field(default_factory=list)
    regime: list[int] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, eq=False)
class Entry:
    """A limit order that opens a lot. `new`: sent in this bar; not `sent`: held back by VaR."""

    price: float
    qty: float
    born: int
    new: bool = True
    sent: bool = True


@dataclass(slots=True, eq=False)
class TakeProfit:
    """A limit order that closes its lot or a part of it. `new`: sent in this bar."""

    price: float
    qty: float
    born: int
    new: bool = True


@dataclass(slots=True, eq=False)
class Lot:
    """What one entry bought or sold. `qty`, `funding` are what is left of it; `net` is what its
    closed parts earned so far, less the fee of the entry. Its take-profits are laid once."""

    price: float
    qty: float
    bar: int
    time: int
    net: float
    funding: float = 0.0
    targets: list[TakeProfit] = field(default_factory=list)
    targets_laid: bool = False


@dataclass(slots=True)
class Side:
    """One side of the hedge. `sign` is +1 of the long side, -1 of the short one."""

    sign: int
    lots: list[Lot] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    anchor: float | None = None
    stop: float | None = None
    stage1_fired: bool = False
    buffer: float = 0.0
    last_prune: int | None = None

    @property
    def name(self) -> str:
        return SIDE_NAME[self.sign]

    @property
    def qty(self) -> float:
        return sum(lot.qty for lot in self.lots)

    @property
    def average_entry(self) -> float:
        return sum(lot.price * lot.qty for lot in self.lots) / self.qty

    def unrealised(self, price: float) -> float:
        return sum(self.sign * (price - lot.price) * lot.qty for lot in self.lots)

    def is_past(self, price: float, level: float) -> bool:
        """Whether `price` is at or beyond `level`, seen in the direction of this side's losses."""
        return price <= level if self.sign == LONG else price >= level


@dataclass(slots=True)
class Account:
    """Both sides, the wallet and where its money came from, and the flags of the strategy."""

    wallet: float
    long: Side = field(default_factory=lambda: Side(LONG))
    short: Side = field(default_factory=lambda: Side(SHORT))
    gross: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    insurance: float = 0.0
    halted: bool = False
    last_regime: int | None = None
    trailed: bool = False
    regenerate: bool = True
    entry_fills: int = 0
    stop_bars: list[int] = field(default_factory=list)
    cooldown_until: int = -1
    kelly: dict[int, deque[float]] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.long, self.short

    def unrealised(self, price: float) -> float:
        return self.long.unrealised(price) + self.short.unrealised(price)


@dataclass(frozen=True, slots=True)
class Bar:
    """What is known when bar `index` opens: the features of the bar before it, and its open.

    `close` is p, the close of the bar before; `equity` is E, logged at that close; `spacing` in
    price units; `stop_distance` is d; `time` the bar's open in ms.
    """

    index: int
    time: int
    open: float
    close: float
    equity: float
    regime: int
    er: float
    kama: float
    atr: float
    z: float
    sigma: float
    volume_ratio: float
    funding_rate: float
    spacing: float
    stop_distance: float
