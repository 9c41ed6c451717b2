"""Who answers in Binance's place, so that nobody else's prices are ever taken for Binance's.

The paper exchange says in the header `X-Gridtui-Market` of every answer that it is one, whether its
market is simulated or recorded, and which one it is; any other server is known by its address.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from exchange.errors import DataError

BINANCE = "Binance"
HEADER = "X-Gridtui-Market"

_SAID = re.compile(r"(simulated|recorded) ([0-9a-f]{8})")
_BINANCES = re.compile(r"https://(?:fapi\d?\.binance\.com|data\.binance\.vision)(?::443)?")


@dataclass(frozen=True, slots=True)
class Server:
    """A server with market data: by default Binance.

    `name`: as in `exchange.series.Series`; `origin`: what is said of its rows.
    """

    name: str = ""
    simulated: bool = False
    origin: str = BINANCE


def server_at(url: str | None, said: str = "") -> Server:
    """Which server it is; None: Binance. `said`: its header, "" if it sends none."""
    if url is None or _BINANCES.fullmatch(url.rstrip("/").lower()):
        return Server()
    host = urlsplit(url).netloc.lower()
    paper = _SAID.fullmatch(said)
    if paper is None:
        return Server(re.sub(r"[^a-z0-9.]", "-", host)[:80], origin=host)
    simulated = paper[1] == "simulated"
    kind = "SIMULATED" if simulated else "recorded"
    return Server(f"paper-{paper[2]}", simulated, f"{kind}, paper exchange at {host}")


def said_of_paper(sources: Iterable[str], *, simulated: bool) -> str:
    """The header of a paper exchange on candles of these sources; one market, one text."""
    of = "\n".join(sorted(set(sources))).encode()
    return f"{'simulated' if simulated else 'recorded'} {hashlib.sha256(of).hexdigest()[:8]}"


def url_in_environment(variable: str) -> str | None:
    """The address of a server that an environment variable names; None if it is not set.

    Raises:
        DataError: it is not scheme, host and port.
    """
    url = os.environ.get(variable)
    if not url:
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        good = False
    if not good or parts.path not in ("", "/") or parts.query or parts.fragment or " " in url:
        raise DataError(
            f"the environment's {variable} {url[:80]!r} is not a server's address: write scheme, "
            "host and port, as http://127.0.0.1:8899"
        )
    return url.rstrip("/")
