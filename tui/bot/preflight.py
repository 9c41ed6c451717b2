"""What is looked at before a bot begins with an account, by a process of its own: it loads ccxt."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tui.bot.launch import StartOrder

_PATIENCE_S = 120.0
_AGREED = ("account", "capital", "evidence")
_MOST_CHANGES = 3


class LookFailedError(Exception):
    """Nothing could be looked at; the text says why."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What `gridtui doctor --json` says.

    Attributes:
        forbids: a line for each thing that forbids to trade.
        warns: a line for each other thing that is not as it should be.
        tells: (label, text) of account, money, evidence and risk; a label is empty where a text
            goes on.
        proven: the newest optimizer's report speaks for the parameters.
        terms: what is agreed to by going on: parameters, coin, mode, account, capital, evidence,
            and which things are not as they should be; not what a market moves.
    """

    forbids: tuple[str, ...]
    warns: tuple[str, ...]
    tells: tuple[tuple[str, str], ...]
    proven: bool
    terms: Mapping[str, str]

    @classmethod
    def of(cls, document: dict[str, Any]) -> Looked:
        """Raises LookupError, TypeError or ValueError of what is no such document."""
        checks = document["checks"]
        return cls(
            tuple(_line(check) for check in checks if check["state"] == "bad"),
            tuple(_line(check) for check in checks if check["state"] == "warning"),
            (*_server(document), *((label, text) for label, text in document["briefing"])),
            document["evidence"] == "passing",
            dict(_terms(document)),
        )

    def changed_since(self, shown: Looked) -> str:
        """How the terms differ from those of another look, in one line; "" if they do not."""
        names = [*self.terms, *(name for name in shown.terms if name not in self.terms)]
        changes = [
            f"{name} {self.terms.get(name, 'none')} (was {shown.terms.get(name, 'none')})"
            for name in names
            if self.terms.get(name) != shown.terms.get(name)
        ]
        more = len(changes) - _MOST_CHANGES
        return ", ".join(changes[:_MOST_CHANGES]) + (f", and {more} more" if more > 0 else "")


async def look(order: StartOrder) -> Looked:
    """Look at everything that the bot needs; nothing is changed. Cancelled, it leaves no process.

    Raises:
        LookFailedError: with the reason in one line.
    """
    command = ["-m", "gridtui", "--data-dir", str(order.data_folder), "doctor", "--json"]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            *order.flags,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise LookFailedError(f"gridtui doctor cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(_PATIENCE_S):
            out, err = await process.communicate()
    except TimeoutError:
        raise LookFailedError(f"no answer within {_PATIENCE_S:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    try:
        return Looked.of(json.loads(out))
    except (LookupError, TypeError, ValueError):
        said = err.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1].removeprefix("gridtui: ") if said else f"exit code {process.returncode}"
        raise LookFailedError(reason) from None


def _terms(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("symbol", "mode", "timeframe", "server"):
        yield name, str(document[name])
    yield from ((name, str(value)) for name, value in document["parameters"].items())
    yield from (row for row in document["briefing"] if row[0] in _AGREED)
    warned = (check["name"] for check in document["checks"] if check["state"] == "warning")
    yield "warnings", ", ".join(sorted(warned)) or "none"


def _server(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Who answers, where it is not Binance."""
    url = document["server"]
    return [("exchange", f"{url} in place of Binance")] if url else []


def _line(check: dict[str, str]) -> str:
    """`balance: 0.00 USDT (wanted: above 0); move USDT into the futures wallet`."""
    advice = check["advice"]
    then = f"; {advice}" if advice and advice not in check["value"] else ""
    return f"{check['name']}: {check['value']} (wanted: {check['wanted']}){then}"
