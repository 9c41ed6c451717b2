"""What a bot has told of itself, in bounded memory. Screens only read it.

It holds the documents of `engine.live.view` as they came: a snapshot, and every event since.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from tui.bot.rows import add, join, put_before
from tui.figures import decimals

if TYPE_CHECKING:
    from tui.bot.census import Standing
    from tui.bot.fate import Fate
    from tui.bot.replay import Replay

_Name = tuple[str, int]

Link = Literal["connecting", "connected", "lost", "ended"]

_STARTS_WITHIN = 10
"""Attempts, a minute: by then one that starts is heard of."""

_BARS, _TRADES, _REQUESTS, _LINES = 20_000, 10_000, 5_000, 20_000
_STALE_S = 10.0
"""A bot tells of itself every second."""

_MS_A_DAY = 86_400_000

_A_TRADE = ("timestamp", "trade_id", "client_id", "label", "side", "price", "qty", "entry_price")
"""What tells a row from others: a trade of the exchange may close several lots."""

_A_REQUEST = ("kind", "time_ms", "client_id", "verb", "answer", "price", "qty")


class BotView:
    """One bot.

    Attributes:
        about: symbol, mode, timeframe, speed, params, simulated; see `engine.live.bot`.
        account: lots, stops, orders, filters; see `engine.live.standing`. Empty while it starts.
        quote, grid: the last `Quoted` and `GridLaid`, empty before; `quoted_at`: when (of `clock`)
            that quote came.
        readings: of its health, as they were at `read_ms`; `read_at`: when (of `clock`) they came.
        bars, trades, requests: the newest last.
        lines: what its log says, (level as in `logging`, text), the newest last.
        alarms: by key, until their trouble is over and they were acknowledged.
        acknowledged: alarms that the operator has seen, by key and time: a bot tells of what is
            over as long as it can.
        tell_seen: gets each alarm that is acknowledged, where that can be told to the bot.
        shown_alarm: the one that the operator reads now; None where no screen shows any.
        link: how the connection stands; `trouble` says why it is lost or has ended, `attempt` how
            often it was tried since, `again_at` when (of `clock`) it will be again.
        farewell: why the bot said that it ends; "" as long as it has not.
        fate: of a bot that is lost or has ended: what its lock says of its process.
        left: what the state file of one that has crashed says: it may have written more than told.
        loss_seen: the operator knows that the bot is silent, out of reach, or gone.
        counts: how many events of each kind there were, so that a reader sees what has changed.
        recalled: how often something was put before what was told.
        replay: what plays the record that is shown; None of a bot that runs.
        anew: it is another run of the bot that was shown before.
    """

    replay: Replay | None = None
    anew = False

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.about: dict[str, Any] = {}
        self.account: dict[str, Any] = {}
        self.quote: dict[str, Any] = {}
        self.grid: dict[str, Any] = {}
        self.readings: tuple[dict[str, Any], ...] = ()
        self.read_ms = 0
        self.bars: deque[dict[str, Any]] = deque(maxlen=_BARS)
        self.trades: deque[dict[str, Any]] = deque(maxlen=_TRADES)
        self.requests: deque[dict[str, Any]] = deque(maxlen=_REQUESTS)
        self.lines: deque[tuple[int, str]] = deque(maxlen=_LINES)
        self.alarms: dict[str, dict[str, Any]] = {}
        self.acknowledged: set[_Name] = set()
        self.tell_seen: Callable[[Mapping[str, Any]], None] | None = None
        self.shown_alarm: _Name | None = None
        self.link: Link = "connecting"
        self.trouble = ""
        self.farewell = ""
        self.fate: Fate = "unknown"
        self.left: Standing | None = None
        self.loss_seen = False
        self.attempt = 0
        self.again_at = 0.0
        self.heard_at = self.quoted_at = self.read_at = clock()
        self.counts: dict[str, int] = {}
        self.recalled = 0
        self.controls = False

    def begin(self, document: Mapping[str, Any]) -> None:
        """Take a snapshot: what it says takes the place of what was known."""
        self.heard_at = self._clock()
        self.loss_seen = False
        self.about = dict(document["about"])
        self.account = dict(document["account"] or {})
        self._quoted(document["quote"] or {})
        self.grid = dict(document["grid"] or {})
        health = document["health"] or {}
        if health.get("time_ms") != self.read_ms:  # what is known already came when it came
            self._read(health)
        join(self.bars, document["bars"], "time_ms")
        add(self.trades, document["trades"], _A_TRADE)
        add(self.requests, document["requests"], _A_REQUEST)
        told = {alarm["key"]: alarm for alarm in document["alarms"]}
        gone = self.alarms.keys() - told.keys()
        self.alarms = {key: {**self.alarms[key], "over": True} for key in gone} | told
        self._forget_alarms()
        self._count("snapshot")

    def recall(self, trades: Sequence[dict[str, Any]], requests: Sequence[dict[str, Any]]) -> None:
        """Know of what its files have from before it was listened to, as far as there is room."""
        put_before(self.trades, trades, _A_TRADE, "timestamp")
        put_before(self.requests, requests, _A_REQUEST, "time_ms")
        self.recalled += 1

    def take(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Take an event."""
        self.heard_at = self._clock()
        self.loss_seen = False
        match kind:
            case "quote":
                self.quote, self.quoted_at = dict(payload), self._clock()
            case "account":
                self.account = dict(payload)
            case "grid":
                self.grid = dict(payload)
            case "health":
                self._read(payload)
            case "bar":
                self.bars.append(dict(payload))
            case "trade":
                self.trades.append(dict(payload))
            case "order sent" | "order answered":
                self.requests.append({"kind": kind, **payload})
            case "alarm":
                self._alarm(dict(payload))
        self._count(kind)

    def write(self, level: int, text: str) -> None:
        """Add to the lines of the log."""
        self.lines.append((level, text))
        self._count("line")

    def acknowledge(self) -> None:
        """The operator has seen the alarm that is shown, which is the newest, and that the bot is
        silent or out of reach. One that no screen has shown yet is not acknowledged with it."""
        self.loss_seen = self.stale and self.link != "connecting"
        unseen = {alarm_name(alarm): alarm for alarm in self.unseen}
        if unseen:
            newest = next(reversed(unseen))
            seen = newest if self.shown_alarm is None else self.shown_alarm
            if seen in unseen:
                self.acknowledged.add(seen)
                if self.tell_seen is not None:
                    self.tell_seen(unseen[seen])
        self._forget_alarms()
        self._count("alarm")

    def still(self) -> BotView:
        """A copy that stands as the bot stands now, whatever it tells from here on."""
        held, moment = copy.copy(self), self._clock()
        held._clock = lambda: moment
        for name in ("bars", "trades", "requests", "lines"):
            rows = getattr(self, name)
            setattr(held, name, deque(rows, maxlen=rows.maxlen))
        held.alarms, held.acknowledged = dict(self.alarms), set(self.acknowledged)
        held.counts = dict(self.counts)
        return held

    @property
    def known(self) -> object:
        """Equal as long as nothing but the time makes a difference to what is shown."""
        replayed = None if self.replay is None else (self.replay.words, self.now_ms // 1000)
        told = sum(self.counts.values())
        return told, self.link, self.fate, self.attempt, self.stale, self.controls, replayed

    @property
    def crashed(self) -> bool:
        """Whether its process has gone without a word."""
        return self.link == "ended" and self.fate == "crashed"

    @property
    def exchange_ended(self) -> bool:
        """Whether nothing can rest any more: a paper exchange ends with its bot."""
        return self.link == "ended" and self.mode == "paper"

    @property
    def resting(self) -> Sequence[dict[str, Any]]:
        """Its orders at the exchange; of one that has ended those of the end."""
        return () if self.exchange_ended else self.account.get("orders", ())

    @property
    def watch_only(self) -> bool:
        """Whether it runs and takes no commands from here."""
        told = self.link == "connected" and bool(self.about)
        return told and not self.controls and self.replay is None

    @property
    def unseen(self) -> list[dict[str, Any]]:
        """Alarms that were not acknowledged, the oldest first."""
        alarms = self.alarms.values()
        return [alarm for alarm in alarms if alarm_name(alarm) not in self.acknowledged]

    @property
    def symbol(self) -> str:
        """`BTC/USDT`; "" before the first snapshot."""
        return str(self.about.get("symbol", ""))

    @property
    def coin(self) -> str:
        """`BTC`."""
        return self.symbol.partition("/")[0]

    @property
    def mode(self) -> str:
        """`live`, `demo`, `paper`, `dry-run`, `replay`; "" before the first snapshot."""
        return str(self.about.get("mode", ""))

    @property
    def price_digits(self) -> int:
        """Decimals of a price on the market's grid."""
        return decimals(Decimal(self.account.get("tick", "0.01")))

    @property
    def qty_digits(self) -> int:
        """Decimals of a quantity on the market's grid."""
        return decimals(Decimal(self.account.get("step", "0.001")))

    @property
    def starting(self) -> bool:
        """Whether it runs and nobody could reach it yet."""
        young = self.attempt <= _STARTS_WITHIN
        return young and self.link == "lost" and self.fate == "lives" and not self.about

    @property
    def awaited(self) -> str:
        """Why prices and positions are not known yet; "" once they are."""
        return "" if self.account else "the bot is starting"

    @property
    def paused_by_operator(self) -> bool:
        """Whether the operator has stopped new entries, and so may let them go on."""
        return "operator" in self.quote.get("paused", ())

    @property
    def silence_s(self) -> float:
        """Seconds since the bot has last told anything."""
        return self._clock() - self.heard_at

    @property
    def stale(self) -> bool:
        """Whether what is shown may no longer hold."""
        return self.link != "connected" or self.silence_s > _STALE_S

    @property
    def unread_s(self) -> float | None:
        """Seconds since its health was read, once that says nothing of now; None until then."""
        since_s = self._clock() - self.read_at
        return since_s if self.stale or since_s > _STALE_S else None

    @property
    def judged(self) -> tuple[dict[str, Any], ...]:
        """What holds of its health: name, value, limit, state; of one that is not as old as the
        others its `time_ms`."""
        return self.readings

    @property
    def again_in_s(self) -> float:
        """Seconds until the connection is tried again."""
        return max(0.0, self.again_at - self._clock())

    @property
    def now_ms(self) -> int:
        """The exchange's time, ms UTC, as the last quote has it and at the bot's speed since."""
        since_s = self._clock() - self.quoted_at
        passed = since_s * 1000 * float(self.about.get("speed", 1.0))
        return int(self.quote.get("time_ms", 0) + (0 if self.stale else passed))

    @property
    def price_age_s(self) -> float:
        """Seconds of ours since the price was asked for."""
        age_ms = self.now_ms - int(self.quote.get("price_ms", 0))
        return max(0.0, age_ms / 1000 / float(self.about.get("speed", 1.0)))

    @property
    def candle_left_s(self) -> float:
        """Seconds of the exchange until the candle closes; 0 where it has to come."""
        return max(0.0, (int(self.quote.get("bar_end_ms", 0)) - self.now_ms) / 1000)

    @property
    def change_of_day(self) -> float | None:
        """The price against that of 24 hours before, a fraction; None where that is unknown."""
        price = self.quote.get("price")
        since = self.now_ms - _MS_A_DAY
        if not price or not self.bars or self.bars[0]["time_ms"] > since:
            return None
        before = next((bar for bar in reversed(self.bars) if bar["time_ms"] <= since), None)
        return None if before is None else float(price) / float(before["close"]) - 1.0

    @property
    def used(self) -> float:
        """Notional of the fuller side as a share of equity times leverage, which is what the cap
        of a side is measured in."""
        price, equity = self.quote.get("price", 0.0), self.quote.get("equity", 0.0)
        leverage = float(self.about.get("params", {}).get("leverage", 1))
        held = max((side["qty"] for side in self.account.get("sides", {}).values()), default=0.0)
        return float(held * price / (equity * leverage)) if equity > 0 else 0.0

    @property
    def side_cap(self) -> float | None:
        """What `used` may reach; None where the bot has not told it."""
        cap = self.about.get("params", {}).get("max_position_pct")
        return None if cap is None else float(cap)

    def loss_at_stop(self, name: str) -> float | None:
        """What a side's lots would gain (+) or lose (-) at its stop, fees aside; None without a
        stop."""
        side = self.account["sides"][name]
        if side["stop"] is None:
            return None
        sign = 1 if name == "long" else -1
        return float(sign * (side["stop"] - side["entry"]) * side["qty"])

    @property
    def open_risk(self) -> float | None:
        """What all open lots would gain (+) or lose (-) at their stops; None where a position has
        no stop."""
        sides = self.account.get("sides", {})
        losses = [self.loss_at_stop(name) for name, side in sides.items() if side["qty"]]
        known = [loss for loss in losses if loss is not None]
        return sum(known) if len(known) == len(losses) else None

    def _quoted(self, quote: Mapping[str, Any]) -> None:
        """A snapshot may have the quote that is known: that one came when it came."""
        if quote != self.quote:
            self.quote, self.quoted_at = dict(quote), self._clock()

    def _read(self, health: Mapping[str, Any]) -> None:
        self.readings, self.read_ms = tuple(health.get("readings", ())), health.get("time_ms", 0)
        self.read_at = self._clock()

    def _alarm(self, alarm: dict[str, Any]) -> None:
        key = alarm["key"]
        if not alarm["over"]:
            self.acknowledged.discard(alarm_name(alarm))
            self.alarms.pop(key, None)  # the newest is the last
            self.alarms[key] = alarm
        elif key in self.alarms:
            self.alarms[key] = {**self.alarms[key], "over": True}
            self._forget_alarms()

    def _forget_alarms(self) -> None:
        for key in [key for key, alarm in self.alarms.items() if alarm["over"]]:
            if alarm_name(self.alarms[key]) in self.acknowledged:
                del self.alarms[key]

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1


def alarm_name(alarm: Mapping[str, Any]) -> _Name:
    """What tells an alarm from others, also from an earlier one of the same trouble."""
    return str(alarm["key"]), int(alarm["time_ms"])
