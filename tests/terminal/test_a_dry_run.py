"""A crash, resume and closing of all in a real terminal; the demonstration (about 20 s)."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.paper.auth import Keys
from exchange.paper.listing import load_offer
from exchange.paper.server import PaperExchange
from exchange.paper.threaded import ThreadedExchange
from tests.terminal.conftest import Open, bots_of
from tests.terminal.tmux import GRIDTUI, PROMPT, Terminal, to_bots, until

SPEED = 1800.0
KEYS = Keys("not-used", "not-used")


@pytest.fixture
def market() -> Iterator[str]:
    """The URL of a market that outlives its bots, and runs faster than time."""
    offer = load_offer(["BTC"], "sim", "2026-01-12T12:00", speed=SPEED)

    def make() -> PaperExchange:
        return PaperExchange(offer.listings, offer.start_ms, speed=SPEED, keys=KEYS)

    with ThreadedExchange(make) as served:
        yield served.url


def test_a_crashed_bot_is_seen_resumed_with_its_lots_and_closed_by_a_typed_word(
    open_terminal: Open, tmp_path: Path, market: str
) -> None:
    terminal = open_terminal((80, 24), GRIDTUI_BINANCE_URL=market)
    terminal.run(GRIDTUI)
    to_bots(terminal)
    start_dry(terminal)
    terminal.wait_for(" DRY ", "[Live]")
    state = tmp_path / "data" / "live_state" / "dry-run" / "BTCUSDT_state.json"
    until(lambda: lots(state), "a lot")

    (pid,) = bots_of(tmp_path)
    os.kill(pid, signal.SIGKILL)
    terminal.wait_for(" CRASHED ")
    had, run = lots(state), document(state)["run"]
    terminal.press("0")
    terminal.wait_for("crashed", "r goes on")
    terminal.press("r")
    terminal.wait_for("Go on with BTC/USDT (DRY)", f"with {len(had)} lot")
    terminal.press("y")
    until(lambda: bots_of(tmp_path) not in ([], [pid]), "a new process")
    terminal.wait_for(" DRY ", "[Live]")
    terminal.wait_without("CRASHED")
    assert document(state)["run"] == run
    assert had - lots(state) <= closed(state)

    terminal.press("X")
    terminal.wait_for("Close everything of BTC/USDT (DRY) at market?", "type BTC and enter:")
    terminal.type("ETH")
    terminal.press("Enter")
    terminal.wait_for('"ETH" is not BTC; Enter alone closes nothing')
    terminal.type("BTC")
    terminal.press("Enter")
    terminal.wait_for(" ENDED ")
    until(lambda: not bots_of(tmp_path), "the end of the bot")
    assert not lots(state)
    terminal.press("0")
    terminal.wait_for("stopped", "0 lots and 0 orders")


def test_the_demonstration_is_alive_by_itself_and_stops_when_that_is_wanted(
    open_terminal: Open, tmp_path: Path
) -> None:
    terminal = open_terminal((80, 24))
    terminal.run(f"{GRIDTUI} demo")
    terminal.wait_for(" PAPER ", " BTC ", "equity", "last trades", "next candle")
    terminal.press("q")
    terminal.wait_for("The demo bot, on paper, runs. Leave it running, or stop it?")
    terminal.press("s")
    terminal.wait_for("The demo bot has ended.", PROMPT)
    assert terminal.restored
    assert not bots_of(tmp_path)


def start_dry(terminal: Terminal) -> None:
    """On Bots: n, a coin, the mode after paper, enter."""
    terminal.press("n")
    terminal.wait_for("start a bot", "PAPER, a local exchange")
    terminal.fill("coin", "BTC")
    terminal.move_to("mode")
    terminal.press("Right")
    terminal.wait_for("DRY, real market, no orders")
    terminal.press("Enter")


def document(state: Path) -> dict[str, Any]:
    """What a state file holds."""
    held: dict[str, Any] = json.loads(state.read_bytes())["document"]
    return held


def lots(state: Path) -> set[float]:
    """At which price each lot was opened, by a state file."""
    if not state.exists():
        return set()
    account = document(state)["account"]
    return {lot["price"] for name in ("long", "short") for lot in account[name]["lots"]}


def closed(state: Path) -> set[float]:
    """At which price the lots were opened that the trade log says were closed: the market, which
    is not the bot's, has gone on."""
    rows = (state.parent / "BTCUSDT_trades.jsonl").read_text().splitlines()
    return {row["entry_price"] for row in map(json.loads, rows) if row["entry_price"] is not None}
