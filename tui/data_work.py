"""Work on the data of this disk, in threads: fetching, importing, checking, deleting."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, cast

from engine.wording import count, plural
from exchange.symbol import Symbol
from exchange.timeframe import TIMEFRAMES
from tui.activity import Activity
from tui.figures import size
from tui.folders import data_folder
from tui.request import FieldError, coins_named, period_named

if TYPE_CHECKING:
    from exchange.holdings import Holding
    from exchange.importing import Imported, Refused
    from exchange.inspection import Finding
    from exchange.series import Market, Series

_MOST_REASONS = 2
"""Of files that are refused; a folder may hold hundreds."""

Tell = Callable[[float, str], None]
"""Takes the share that is done, 0 to 1, and the stage. Raises GivenUp where that was asked."""


class GivenUp(Exception):  # noqa: N818 (no error: the user wished it)
    """The work was given up at the user's wish."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a piece of work. `series`: which to show; `findings`: what a check has found."""

    message: str
    failed: bool = False
    series: Series | None = None
    findings: tuple[Finding, ...] | None = None


class DataJob:
    """One piece of work: `run` in a thread; the rest is for the screens.

    `data_dir`: where the report of a defect goes, as `--data-dir`.
    """

    data_dir: Path | None = None

    def __init__(self, name: str, stage: str, work: Callable[[Tell], Outcome]) -> None:
        """`name`: a noun for the question before leaving, "A download"."""
        self.started = time.monotonic()
        self.at_work = False
        self.outcome: Outcome | None = None
        self._name = name
        self._progress = (0.0, stage)
        self._work = work
        self._stop = Flag()

    @property
    def activity(self) -> Activity:
        """For status line and progress bar."""
        share, words = self._progress
        words += _left(share, time.monotonic() - self.started)
        return Activity(self._name, words, share, "Leaving stops it; what has arrived is kept.")

    def cancel(self) -> None:
        """Ask it to end; it does so at its next sign of progress."""
        self._stop.set()

    def run(self) -> None:
        """Do the work; `outcome` is there afterwards."""
        self.at_work = True
        try:
            self.outcome = self._work(self.tell)
        except GivenUp:
            self.outcome = Outcome("cancelled; what had arrived is kept")
        except Exception as error:
            from tui.feed import in_words

            self.outcome = Outcome(in_words(error, data_folder(self.data_dir)), failed=True)
        finally:
            self.at_work = False

    def tell(self, share: float, words: str) -> None:
        if self._stop.is_set():
            raise GivenUp
        self._progress = (min(1.0, max(share, self._progress[0])), words)


def _left(share: float, seconds: float) -> str:
    """`, about 40 s left`, once enough has passed to tell."""
    if share <= 0.02 or seconds < 3.0:
        return ""
    left = seconds * (1.0 - share) / share
    return f", about {left:.0f} s left" if left < 100 else f", about {left / 60:.0f} min left"


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """Candles, and funding if wanted, to get from Binance. Build it with `checked`."""

    coins: tuple[Symbol, ...]
    timeframes: tuple[str, ...]
    start: str
    end: str | None
    funding: bool

    @classmethod
    def checked(
        cls, coins: str, timeframes: str, start: str, end: str, *, funding: bool
    ) -> FetchOrder:
        """The order as typed. Raises FieldError, which names the field that is wrong."""
        names = timeframes.replace(",", " ").split()
        if not names:
            raise FieldError("timeframes", "name at least one timeframe, such as 15m")
        for name in names:
            if name not in TIMEFRAMES:
                known = ", ".join(TIMEFRAMES)
                raise FieldError("timeframes", f"{name!r} is no timeframe: choose from {known}")
        symbols = [Symbol.parse(coin) for coin in coins_named(coins)]
        first, last = period_named(start.strip(), end.strip())
        return cls(tuple(dict.fromkeys(symbols)), tuple(dict.fromkeys(names)), first, last, funding)


def fetching(order: FetchOrder, data_dir: Path | None) -> DataJob:
    """Get what the cache lacks; what arrives before an error or a cancel is kept."""

    def work(tell: Tell) -> Outcome:
        from exchange.candles import fetch_into_cache  # pandas and ccxt: a second or two

        steps = [(coin, name) for coin in order.coins for name in order.timeframes]
        told, first = [], None
        for done, (coin, name) in enumerate(steps):
            of = f"  ({done + 1} of {len(steps)})" if len(steps) > 1 else ""

            def progress(share: float, words: str, done: int = done, of: str = of) -> None:
                tell((done + share) / len(steps), words + of)

            progress(0.0, f"asking for {coin} {name}")
            loaded = fetch_into_cache(
                coin,
                name,
                order.start,
                order.end,
                data_dir,
                progress,
                funding=order.funding and name == order.timeframes[0],
            )
            first = first or loaded.series
            told += [f"{loaded.series}: {loaded.received}", *loaded.notes]
        return Outcome("; ".join(told), series=first)

    return DataJob("A download", "connecting to Binance", work)


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """A file or folder to take into the cache; what is None is told by its name."""

    path: Path
    coin: Symbol | None
    timeframe: str | None
    market: Market | None
    replace: bool
    simulated: bool = False

    @classmethod
    def checked(
        cls,
        path: str,
        coin: str,
        timeframe: str,
        market: str,
        *,
        replace: bool,
        simulated: bool = False,
    ) -> ImportOrder:
        """The order as typed. Raises FieldError, which names the field that is wrong."""
        place = Path(path.strip()).expanduser()
        if not path.strip():
            raise FieldError("path", "name a file or a folder")
        if not place.exists():
            raise FieldError("path", f"'{path.strip()}' is not there")
        symbol = Symbol.parse(coins_named(coin)[0]) if coin.strip() else None
        name = timeframe.strip() or None
        known = (*TIMEFRAMES, "funding")
        if name is not None and name not in known:
            raise FieldError("timeframe", f"{name!r} is no timeframe: {', '.join(known)}")
        named = {"perpetual": "perpetual", "spot": "spot"}
        chosen = cast("Market | None", named.get(market))
        return cls(place, symbol, name, chosen, replace, simulated)


def importing(order: ImportOrder, data_dir: Path | None) -> DataJob:
    """Take the files into the cache, checked."""

    def work(tell: Tell) -> Outcome:
        from exchange.importing import Wishes, import_file, import_folder  # pandas

        tell(0.0, f"reading {order.path.name}")
        wishes = Wishes(
            order.coin, order.timeframe, order.market, order.simulated, replace=order.replace
        )
        refused: list[Refused] = []
        others: list[Path] = []
        if order.path.is_file():
            found = [import_file(order.path, data_dir, wishes)]
        else:
            found, refused, others = import_folder(order.path, data_dir, wishes)
        # what did not go well stands in front
        told = [f"{plural(len(refused), 'file')} refused"] if refused else []
        told += [one.reason for one in refused[:_MOST_REASONS]]
        if (more := len(refused) - _MOST_REASONS) > 0:
            command = shlex.join(["gridtui", "data", "import", str(order.path)])
            told.append(f"and {more} more, which `{command}` names")
        told += [_imported(one) for one in found]
        if others:
            from tui.commands.data_text import passed_over

            told.append(passed_over(others))
        series = found[0].series if found else None
        return Outcome("; ".join(told), failed=bool(refused), series=series)

    return DataJob("An import", f"reading {order.path.name}", work)


def _imported(one: Imported) -> str:
    parts = [f"{count(one.merged.added)} new"]
    if one.merged.known:
        parts.append(f"{count(one.merged.known)} known already")
    if one.merged.replaced:
        parts.append(f"{count(one.merged.replaced)} replaced")
    gaps = one.holding.gaps
    parts.append(f"{plural(len(gaps), 'gap')}, {count(one.holding.missing)} missing")
    return "; ".join([f"{one.series}: {plural(one.rows, 'row')}, {', '.join(parts)}", *one.notes])


def checking(holding: Holding) -> DataJob:
    """Read every row of a series and say what is odd about it."""
    stage = f"reading all {count(holding.rows)} rows of {holding.series}"

    def work(tell: Tell) -> Outcome:
        from exchange.inspection import check  # pandas

        tell(0.0, stage)
        found = check(holding)
        wrong = sum(finding.wrong for finding in found.findings)
        odd = sum(not finding.wrong and finding.kind != "gap" for finding in found.findings)
        words = (
            f"{plural(wrong, 'error')}, {count(odd)} to look at" if wrong or odd else "all sound"
        )
        message = f"checked {holding.series}, {plural(found.rows, 'row')}: {words}"
        return Outcome(message, bool(wrong), holding.series, found.findings)

    return DataJob("A check", stage, work)


def deleting(holding: Holding) -> DataJob:
    """Remove the files of a series."""

    def work(_: Tell) -> Outcome:
        from exchange.clearing import Removable, remove

        files = Removable(holding.series, holding.paths, holding.size_bytes)
        gone = plural(remove((files,)), "file")
        return Outcome(f"deleted {holding.series}: {gone}, {size(holding.size_bytes)}")

    return DataJob("A deletion", f"deleting {holding.series}", work)
