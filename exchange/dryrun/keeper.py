"""The file in which a dry run's account survives.

It holds a line of JSON for each order, stop, trade and payment, and one that says where the account
stands. What changes is appended, that last line behind it: it alone makes valid what stands before
it, so a crash at any byte leaves the account of before. When as much was appended as the account
needs, the file is replaced by one that has every line once.
"""

import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from exchange.dryrun.record import KeptIncome, KeptOrder, KeptStop, KeptTrade, Now, Record
from exchange.durable import make_durable
from exchange.errors import DataError
from exchange.paper.account import Account, Income, Trade
from exchange.paper.book import Book, Order, Stop

LEAST_APPENDED = 256 * 1024
"""Bytes for which replacing the file is not worth it."""

_Thing = Order | Stop | Trade | Income
_MODELS: Mapping[str, type[BaseModel]] = {
    "order": KeptOrder,
    "stop": KeptStop,
    "trade": KeptTrade,
    "payment": KeptIncome,
    "now": Now,
}
_PARTS = ("order", "stop", "trade", "payment")
_ADVICE = "move it away to begin anew"


class Keeper:
    """Writes one account into one file.

    The first `save` replaces the file; later ones append what has changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[tuple[str, int], str] = {}
        self._open: dict[str, dict[int, tuple[Any, ...]]] = {"order": {}, "stop": {}}
        self._newest = dict.fromkeys(_MODELS, 0)
        self._appended = 0
        self._whole = 0

    def save(self, account: Account, book: Book, now: Now) -> bool:
        """Write what has changed; says whether `flush` must follow.

        Raises:
            DataError: it cannot be written.
        """
        fresh = [*self._changed("stop", book.stops), *self._changed("order", book.orders)]
        fresh += [*self._added("trade", account.trades), *self._added("payment", account.income)]
        fresh.append(_line("now", now))
        data = "".join(fresh).encode()
        try:
            if self._whole and self._appended <= max(self._whole, LEAST_APPENDED):
                try:
                    self._append(data)
                    return True
                except FileNotFoundError:
                    pass  # somebody has moved it away
            self._replace(account, book, fresh[-1])
        except OSError as error:
            raise self._cannot(error) from error
        return False

    def flush(self) -> None:
        """Wait for the disk to have what `save` appended; may be called in a thread of its own.

        Raises:
            DataError: the disk failed.
        """
        try:
            make_durable(self.path)
        except OSError as error:
            raise self._cannot(error) from error

    def _append(self, data: bytes) -> None:
        with open(os.open(self.path, os.O_WRONLY | os.O_APPEND), "wb") as file:
            file.write(data)
        self._appended += len(data)

    def _replace(self, account: Account, book: Book, last: str) -> None:
        """Write every line anew; a crash leaves the old file or the new one."""
        held = [("stop", number) for number in book.stops]
        held += [("order", number) for number in book.orders]
        held += [("trade", trade.id) for trade in account.trades]
        held += [("payment", paid.id) for paid in account.income]
        self._lines = {key: self._lines[key] for key in held}
        data = "".join([*self._lines.values(), last]).encode()
        fresh = self.path.with_name(f"{self.path.name}.new")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(data)
        make_durable(fresh)
        fresh.replace(self.path)
        make_durable(self.path.parent)
        self._whole, self._appended = len(data), 0

    def _cannot(self, error: OSError) -> DataError:
        self._whole = 0  # nothing may follow what stands at the end now
        return DataError(f"{self.path}: the dry run's account cannot be written ({error.strerror})")

    def _changed(self, kind: str, things: dict[int, Order] | dict[int, Stop]) -> list[str]:
        """Lines of what is new, and of what was open the last time and has changed since."""
        opened = self._open[kind]
        numbers = [number for number in opened if number in things]
        newest = self._newest[kind]
        fresh = list(takewhile(lambda number: number > newest, reversed(things)))
        self._newest[kind] = fresh[0] if fresh else newest
        numbers += reversed(fresh)
        lines = []
        for number in numbers:
            thing = things[number]
            state = _state(thing)
            if state != opened.pop(number, None):
                lines.append(self._kept(kind, thing))
            if thing.is_open:
                opened[number] = state
        return lines

    def _added(self, kind: str, entries: Sequence[Trade | Income]) -> list[str]:
        newest = self._newest[kind]
        fresh = list(takewhile(lambda entry: entry.id > newest, reversed(entries)))
        self._newest[kind] = fresh[0].id if fresh else newest
        return [self._kept(kind, entry) for entry in reversed(fresh)]

    def _kept(self, kind: str, thing: _Thing) -> str:
        """Its line; kept, since most of it never changes again."""
        line = self._lines[kind, thing.id] = _line(kind, _MODELS[kind].model_validate(thing))
        return line


def read_record(path: Path, symbol: str) -> Record | None:
    """The account in a file; None if there is no file.

    Raises:
        DataError: it cannot be read, is damaged, or is of another symbol.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(
            f"{path}: the dry run's account cannot be read ({error.strerror})"
        ) from error
    try:
        record = _put_together(lines[:-1])
        record.account(record.book(), Decimal(0), Decimal(0))
    except ValueError as error:
        raise DataError(f"{path}: the dry run's account is damaged {error}: {_ADVICE}") from error
    except KeyError as error:
        raise DataError(
            f"{path}: the dry run's account is damaged (order or stop {error} is missing): "
            f"{_ADVICE}"
        ) from error
    if record.now.symbol != symbol:
        raise DataError(
            f"{path} is a dry run's account in {record.now.symbol}, not {symbol}: {_ADVICE}"
        )
    return record


def _put_together(lines: list[bytes]) -> Record:
    """The account as the last `now` says; what stands behind it was never finished.

    Raises:
        ValueError: a line before it cannot be read, or there is none.
    """
    held: dict[str, dict[int, Any]] = {kind: {} for kind in _MODELS}
    unfinished: list[tuple[str, Any]] = []
    bad = ""
    now: Now | None = None
    for number, line in enumerate(lines, 1):
        try:
            kind, part = _parsed(line)
        except ValueError as error:
            bad = bad or f"at line {number} ({error})"
            continue
        if not isinstance(part, Now):
            unfinished.append((kind, part))
            continue
        if bad:
            break
        now = part
        for kind, each in unfinished:
            held[kind][each.id] = each
        unfinished = []
    else:
        if now is not None:
            parts = (tuple(held[kind][at] for at in sorted(held[kind])) for kind in _PARTS)
            return Record(now, *parts)
    raise ValueError(bad or "(it ends before the account is complete)")


def _parsed(line: bytes) -> tuple[str, BaseModel]:
    """A line's kind and what it holds; raises ValueError if it is none."""
    try:
        ((kind, parts),) = json.loads(line).items()
        return kind, _MODELS[kind].model_validate(parts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("it is no line of an account") from error


def _line(kind: str, part: BaseModel) -> str:
    return f'{{"{kind}":{part.model_dump_json()}}}\n'


def _state(thing: Order | Stop) -> tuple[Any, ...]:
    """What of it can change."""
    if isinstance(thing, Stop):
        return thing.status, thing.updated_ms, thing.triggered_ms
    return thing.status, thing.updated_ms, thing.filled, thing.price, thing.quantity
