"""What is looked at before trading, on paper exchanges that are not as they should be (4 s)."""

import asyncio
import dataclasses
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.account import new_state
from engine.live.config import BotConfig, unfinished
from engine.live.desk import Desk
from engine.live.earlier import earlier_run, put_aside
from engine.live.memory import Memory
from engine.live.orders import Purpose
from engine.live.preflight import Check, preflight
from engine.live.sizes import smallest_order, worst_case
from engine.live.store import RunStore
from engine.params import StrategyParams
from exchange.binance.client import Keys
from exchange.binance.keys import FoundKeys
from exchange.broker import NewOrder
from exchange.errors import DataError
from exchange.outcomes import Unreachable
from exchange.paper.door import ROUTES
from exchange.paper.listing import load_listing
from exchange.paper.routes.endpoint import Endpoint, Security
from exchange.paper.server import PAPER_KEYS, PaperExchange
from exchange.symbol import Symbol
from state.errors import StateError
from state.lock import BotLock, lock_folder, running_bots
from tests.paper.support import place
from tui.commands.bot_arguments import add_bot_arguments, bot_config
from tui.commands.grammar import Parser

KEYS = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
BTC = Symbol("BTC")
COIN = load_listing("BTC", "15m", "2024-01-01", "2024-01-04")
ALWAYS = {"times": 99}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BotConfig:
    """A bot with real money, but for the exchange's address."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    return BotConfig(BTC, "live", StrategyParams(), tmp_path / "data", keys=KEYS)


@asynccontextmanager
async def exchange(config: BotConfig, **settings: Any) -> AsyncIterator[tuple[Any, BotConfig]]:
    async with PaperExchange([COIN], start="2024-01-03", **settings) as paper:
        paper.open_bar()
        yield paper, dataclasses.replace(config, base_url=paper.url)


async def looked(config: BotConfig) -> dict[str, Check]:
    return {check.name: check for check in (await preflight(config)).checks}


def states(checks: dict[str, Check], *without: str) -> set[str]:
    return {check.state for check in checks.values() if check.name not in without}


async def test_an_account_that_is_ready_is_well_and_tells_wallet_and_worst_case(
    config: BotConfig,
) -> None:
    async with exchange(config, wallet=50_000) as (_, there):
        found = await preflight(there)
    # the market's clock stands in 2024
    checks = {check.name: check for check in found.checks}
    assert states(checks, "clock") == {"ok"}
    assert checks["clock"].state == "warning"
    assert len(checks) == 16
    assert found.wallet == 50_000.0
    assert found.worst_case is not None
    assert 0 < found.worst_case < 5_000
    assert not found.bad


Upset = Callable[[PaperExchange], object]


@pytest.mark.parametrize(
    ("settings", "upset", "name", "state", "words"),
    [
        ({"hedge_mode": False}, None, "position mode", "warning", "one-way"),
        ({"wallet": 0}, None, "balance", "bad", "0.00 USDT"),
        ({"wallet": 100}, None, "smallest order", "bad", "is too small for one order"),
        ({}, None, "smallest order", "warning", "such orders are not laid"),
        ({}, lambda p: place(p, "BUY", "LONG", 0.01), "positions", "warning", "long 0.01"),
        (
            {},
            lambda p: place(p, "BUY", "LONG", 0.01, 20_000),
            "open orders",
            "warning",
            "1 of them not this bot's",
        ),
        (
            {},
            lambda p: p.misbehave(what="code", code=-2015, endpoint="/fapi/v1/accountConfig"),
            "keys",
            "bad",
            "does not accept these keys",
        ),
        (
            {},
            lambda p: p.misbehave(what="http", status=503, endpoint="/fapi/v3/account", **ALWAYS),
            "balance",
            "bad",
            "cannot be reached",
        ),
        (
            {},
            lambda p: p.misbehave(what="http", status=502, endpoint="/fapi/v1/time", **ALWAYS),
            "exchange",
            "bad",
            "cannot be reached",
        ),
    ],
)
async def test_what_is_not_as_it_should_be_is_named_with_its_state(
    config: BotConfig,
    settings: dict[str, Any],
    upset: Upset | None,
    name: str,
    state: str,
    words: str,
) -> None:
    async with exchange(config, **settings) as (paper, there):
        if upset is not None:
            upset(paper)
        checks = await looked(there)
    assert checks[name].state == state
    assert words in checks[name].value + checks[name].advice


def tells(
    monkeypatch: pytest.MonkeyPatch, path: str, told: dict[str, bool], weight: int = 5
) -> None:
    """Have the exchange answer so."""
    endpoint = Endpoint(lambda *_: told, Security.SIGNED, weight=weight)
    monkeypatch.setitem(ROUTES, ("GET", path), endpoint)


@pytest.mark.parametrize(("answer", "trades"), [({"canWithdraw": True}, "may trade"), ({}, "")])
async def test_what_the_key_may_do_is_unknown_without_a_warning_where_nobody_can_say_it(
    config: BotConfig, monkeypatch: pytest.MonkeyPatch, answer: dict[str, bool], trades: str
) -> None:
    told = answer | ({"canTrade": True} if trades else {}) | {"dualSidePosition": True}
    tells(monkeypatch, "/fapi/v1/accountConfig", told)
    async with exchange(config) as (_, there):
        checks = await looked(there)
    assert checks["withdrawals"].state == "ok"
    assert "the key: unknown" in checks["withdrawals"].value
    assert checks["keys"].value == (trades or "accepted, trading unknown")


@pytest.mark.parametrize(
    ("may", "keys", "withdrawals"),
    [
        ({"enableFutures": True, "enableWithdrawals": False}, "ok", "ok"),
        ({"enableFutures": True, "enableWithdrawals": True}, "ok", "warning"),
        ({"enableFutures": False, "enableWithdrawals": False}, "bad", "ok"),
    ],
)
async def test_real_keys_are_asked_for_what_they_may_do(
    config: BotConfig,
    monkeypatch: pytest.MonkeyPatch,
    may: dict[str, bool],
    keys: str,
    withdrawals: str,
) -> None:
    account = {"canTrade": True, "canWithdraw": True, "dualSidePosition": True}
    tells(monkeypatch, "/fapi/v1/accountConfig", account)
    tells(monkeypatch, "/sapi/v1/account/apiRestrictions", {"ipRestrict": False} | may)
    async with exchange(config) as (_, there):
        checks = await looked(there)
    assert (checks["keys"].state, checks["withdrawals"].state) == (keys, withdrawals)
    assert "unknown" not in checks["withdrawals"].value


async def test_keys_of_demo_trading_are_not_asked_of_another_host(
    config: BotConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tells(monkeypatch, "/fapi/v1/accountConfig", {"canTrade": True, "dualSidePosition": True})
    async with exchange(config) as (paper, there):
        checks = await looked(dataclasses.replace(there, mode="demo"))
        asked = {each["path"] for each in paper.ledger.of("request")}
    assert not any("sapi" in path for path in asked)
    assert checks["withdrawals"].state == "ok"


async def test_more_capital_than_the_wallet_holds_is_bad(config: BotConfig) -> None:
    async with exchange(config) as (_, there):
        checks = await looked(dataclasses.replace(there, capital=10_001.0))
    assert checks["balance"].state == "bad"
    assert "lower --capital" in checks["balance"].advice


async def test_a_coin_that_is_not_listed_is_bad(config: BotConfig) -> None:
    async with exchange(config) as (_, there):
        checks = await looked(dataclasses.replace(there, symbol=Symbol("ETH")))
    assert (checks["market"].state, checks["balance"].state) == ("bad", "ok")


async def test_a_dry_run_is_looked_at_without_an_account(config: BotConfig) -> None:
    async with exchange(config) as (paper, there):
        dry = dataclasses.replace(there, mode="dry-run", keys=None, capital=50_000.0)
        checks = await looked(dry)
        asked = {each["path"] for each in paper.ledger.of("request")}
    assert {"balance", "keys", "positions"}.isdisjoint(checks)
    assert checks["smallest order"].state == "ok"
    assert "/fapi/v1/exchangeInfo" in asked
    assert not {path for path in asked if "account" in path or "position" in path}


async def test_a_bot_that_runs_and_a_disk_that_cannot_be_written_are_bad(
    config: BotConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    async with exchange(config) as (_, there):
        with BotLock(there.account, "BTCUSDT").acquire(data_folder=Path("x"), mode="live"):
            checks = await looked(there)
    assert (checks["other bots"].state, checks["disk"].state) == ("bad", "bad")
    assert "by process" in checks["other bots"].value


_CRASHES = """
import os, sys
from pathlib import Path
from state.lock import BotLock
BotLock(sys.argv[1], "BTCUSDT").acquire(data_folder=Path(sys.argv[2]), mode="live")
os.kill(os.getpid(), 9)
"""


async def test_what_a_crash_left_in_the_lock_is_there_after_a_look(config: BotConfig) -> None:
    store, _ = saved(config)
    store.close()
    command = [sys.executable, "-c", _CRASHES, config.account, str(config.data_dir)]
    subprocess.run(command, check=False)
    before = running_bots()
    assert [lock.held for lock in before] == [False]
    where = ["--coin", "BTC", "--data-dir", str(config.data_dir), "--resume"]
    parser = Parser()
    add_bot_arguments(parser, coin_required=True)
    keys = FoundKeys(KEYS, "of a test", ())
    async with exchange(config) as (_, there):
        assert (await looked(there))["other bots"].state == "ok"
        assert bot_config(parser.parse_args(where), keys, "live").resume
        assert running_bots() == before
        with (
            BotLock(config.account, "BTCUSDT").acquire(data_folder=Path("x"), mode="live"),
            pytest.raises(StateError, match="by process"),
        ):
            bot_config(parser.parse_args(where), keys, "live")


async def test_a_look_makes_no_lock(config: BotConfig) -> None:
    async with exchange(config) as (_, there):
        assert (await looked(there))["other bots"].state == "ok"
    assert not lock_folder().exists()


def test_the_smallest_order_is_that_of_the_least_kelly_multiplier_after_stops() -> None:
    params = StrategyParams(order_pct=0.08, leverage=3)
    assert smallest_order(params, 10_000.0) == 10_000 * 0.08 * 3 * 0.25 * 0.5


def test_the_worst_case_is_every_entry_filled_and_both_sides_stopped() -> None:
    costs = {"fee_maker": 0.001, "fee_taker": 0.002, "slippage": 0.003}
    params = StrategyParams(order_pct=0.1, max_inventory_per_side=2, atr_sl_mult=4.0, **costs)
    # 2 * 1,000 USDT a side; the stop lies 1.5 * 4 ATRs of 1 % away
    assert worst_case(params, 10_000.0, 100.0, 1.0) == pytest.approx(2 * 2_000 * 0.066)
    long_only = params.model_copy(update={"allow_short": False, "leverage": 2})
    assert worst_case(long_only, 10_000.0, 100.0, 1.0) == pytest.approx(4_000 * 0.066)
    capped = params.model_copy(update={"max_position_pct": 0.1})
    assert worst_case(capped, 10_000.0, 100.0, 1.0) == pytest.approx(2 * 1_000 * 0.066)


def saved(config: BotConfig, lots: int = 0) -> tuple[RunStore, Memory]:
    """A run on the disk that holds so many long lots."""
    store = RunStore(config.folder, BTC)
    params = StrategyParams(leverage=2).model_dump()
    memory = Memory.fresh("abc", BTC.id, "1h", params, 500.0, 0)
    memory.kernel = new_state(500.0)
    memory.kernel[0]["sides"][0]["lot_count"] = lots
    store.save(memory, 0)
    return store, memory


class _Silent:
    """A broker of which no answer ever comes."""

    async def place(self, order: NewOrder) -> Any:
        raise Unreachable(f"no answer for {order.client_id}")


def test_what_an_earlier_run_holds_or_may_have_sent_forbids_to_begin_afresh(
    config: BotConfig,
) -> None:
    assert unfinished(config) == ""
    store, memory = saved(config, lots=2)
    store.close()
    assert "2 lots and 0 orders at the exchange: --resume goes on" in unfinished(config)
    store, memory = saved(config)
    assert unfinished(config) == ""
    desk = Desk(_Silent(), COIN.market, memory, store.journal, lambda _: None, lambda: 0)  # type: ignore[arg-type]
    entry = Purpose(0, "entry", (1, 1, 1))
    with pytest.raises(Unreachable):
        asyncio.run(desk.place(entry, COIN.market.tick, COIN.market.step, by="strategy"))
    store.close()
    assert "according to BTCUSDT_state.json, 0 lots and 1 order at" in unfinished(config)
    assert unfinished(dataclasses.replace(config, mode="paper", keys=None)) == ""


def test_an_earlier_run_tells_its_parameters_and_is_put_aside_whole(config: BotConfig) -> None:
    store, _ = saved(config)
    store.close()
    found = earlier_run(config.folder, BTC)
    assert found is not None
    assert (found.params.leverage, found.timeframe, found.capital) == (2, "1h", 500.0)
    (config.folder / "ETHUSDT_state.json").write_text("another coin's")
    before = {path.name for path in config.folder.glob("BTCUSDT_*")}
    aside = put_aside(config.folder, BTC)
    assert aside is not None
    assert aside.parent == config.folder / "old"
    assert {path.name for path in aside.iterdir()} == before
    assert not list(config.folder.glob("BTCUSDT_*"))
    assert (config.folder / "ETHUSDT_state.json").exists()
    assert earlier_run(config.folder, BTC) is None
    assert put_aside(config.folder, BTC) is None


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"keys": None}, "trading needs an API key"),
        ({"resume": True, "fresh": True}, "exclude each other"),
        ({"speed": 2.0}, "only a paper exchange has a speed"),
        ({"capital": float("nan")}, "is not an amount of USDT"),
    ],
)
def test_a_bot_that_cannot_be_is_refused_in_one_line(
    config: BotConfig, parts: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        dataclasses.replace(config, **parts)


def test_neither_key_nor_secret_is_in_what_a_bot_shows_of_itself(config: BotConfig) -> None:
    shown = f"{config!r} {config.account} {config.venue!r}"
    assert KEYS.api_key not in shown
    assert KEYS.secret not in shown
