"""What keeps a bot from beginning: orders of another run, a damaged state, its capital (5 s)."""

import argparse
import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import gridtui
from engine.account import new_state
from engine.live.beginning import require_beginning
from engine.live.bot import Bot
from engine.live.config import BotConfig, run_to_resume, unfinished
from engine.live.memory import Memory
from engine.live.preflight import Check, preflight
from engine.live.store import RunStore
from engine.params import StrategyParams
from exchange.binance.client import Keys
from exchange.client_ids import ClientId
from exchange.errors import DataError
from exchange.paper.listing import load_listing
from exchange.paper.server import PAPER_KEYS, PaperExchange
from exchange.symbol import Symbol
from state.control import CommandError
from state.control_client import ControlClient
from state.control_wire import socket_path
from state.errors import StateError
from state.lock import BotLock
from tests.paper.support import place
from tui.bots import the_bot
from tui.commands.bot_arguments import add_bot_arguments, bot_config, require_flags_that_fit
from tui.commands.doctor import line_of
from tui.errors import UsageError

BTC = Symbol("BTC")
COIN = load_listing("BTC", "15m", "2024-01-01", "2024-01-04")
GONE = str(ClientId("gone01", 7, "long", "stop"))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BotConfig:
    """A bot with real money, but for the exchange's address."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
    return BotConfig(BTC, "live", StrategyParams(), tmp_path / "data", keys=keys)


@asynccontextmanager
async def exchange(config: BotConfig) -> AsyncIterator[tuple[PaperExchange, BotConfig]]:
    async with PaperExchange([COIN], start="2024-01-03") as paper:
        paper.open_bar()
        yield paper, dataclasses.replace(config, base_url=paper.url)


async def looked(config: BotConfig) -> dict[str, Check]:
    return {check.name: check for check in (await preflight(config)).checks}


def save(config: BotConfig, run: str = "gone01", lots: int = 0, **parts: Any) -> None:
    """A run on the disk."""
    store = RunStore(config.folder, BTC)
    memory = Memory.fresh(run, BTC.id, "15m", StrategyParams().model_dump(), 500.0, 0)
    memory.kernel = new_state(500.0)
    memory.kernel[0]["sides"][0]["lot_count"] = lots
    for name, value in parts.items():
        setattr(memory, name, value)
    store.save(memory, 3_600_000)
    store.close()


async def test_orders_of_a_run_whose_files_are_missing_keep_a_new_one_from_beginning(
    config: BotConfig,
) -> None:
    async with exchange(config) as (paper, there):
        place(paper, "BUY", "LONG", 0.01, 20_000, newClientOrderId=GONE)
        checks = await looked(there)
        lost = checks["lost orders"]
        assert (lost.state, lost.value) == (
            "bad",
            "an earlier gridtui run whose files are missing: 1 order",
        )
        assert "they may protect a position" in lost.advice
        with pytest.raises(DataError, match="files are missing: 1 order, and they may protect"):
            await Bot(there).run()
        assert not (there.folder / "BTCUSDT_state.json").exists()
        fresh = await looked(dataclasses.replace(there, fresh=True))
        assert fresh["lost orders"].state == "warning"


async def test_orders_of_the_run_on_the_disk_are_its_own(config: BotConfig) -> None:
    async with exchange(config) as (paper, there):
        save(there)
        place(paper, "BUY", "LONG", 0.01, 20_000, newClientOrderId=GONE)
        checks = await looked(dataclasses.replace(there, resume=True))
        assert "lost orders" not in checks
        assert checks["open orders"].value == "1, 0 of them not this bot's"
        with BotLock(there.account, "BTCUSDT").acquire(data_folder=Path("x"), mode="live"):
            checks = await looked(there)
        assert "lost orders" not in checks


async def test_positions_that_are_not_the_runs_are_named_when_it_goes_on(
    config: BotConfig,
) -> None:
    from decimal import Decimal

    async with exchange(config) as (paper, there):
        save(there, not_ours=[Decimal("0.004"), Decimal(0)])
        place(paper, "BUY", "LONG", 0.01)
        checks = await looked(dataclasses.replace(there, resume=True))
    assert checks["positions"].state == "warning"
    assert checks["positions"].value == "long 0.01; not this bot's: long 0.004"


async def test_a_run_that_goes_on_is_shown_with_its_capital_and_lots(config: BotConfig) -> None:
    save(config, lots=2)
    async with exchange(config) as (_, there):
        found = await preflight(dataclasses.replace(there, resume=True))
    state = next(check for check in found.checks if check.name == "state")
    assert state.value == "BTCUSDT_state.json: 2 lots and 0 orders, capital 500.00 USDT"
    assert found.earlier is not None
    assert found.earlier.left == "2 lots and 0 orders"


async def test_a_damaged_state_is_called_damaged_by_whoever_looks(config: BotConfig) -> None:
    save(config, lots=2)
    (config.folder / "BTCUSDT_state.json").write_text("torn")
    async with exchange(config) as (_, there):
        on = dataclasses.replace(there, resume=True)
        for _ in range(2):
            state = (await looked(on))["state"]
            assert state.state == "warning"
            assert "damaged" in state.value
            assert "BTCUSDT_state.json.damaged" in state.value
    complaint = unfinished(config)
    assert "has, according to BTCUSDT_snapshot_19700101T010000Z.json, 2 lots" in complaint


async def test_without_any_state_that_can_be_used_only_fresh_begins_anew(
    config: BotConfig,
) -> None:
    save(config)
    for path in config.folder.glob("BTCUSDT_s*.json"):
        path.write_text("torn")
    async with exchange(config) as (_, there):
        for _ in range(2):  # the first look has put the files aside
            assert (await looked(there))["state"].state == "bad"
    assert "is damaged" in unfinished(config)
    assert "--fresh" in unfinished(config)
    with pytest.raises(DataError, match="is damaged"):
        run_to_resume(config)


@pytest.mark.parametrize(
    ("capital", "complaint"),
    [(100.0, "is too small for one order of BTC/USDT: it needs"), (1e9, "is too large")],
)
async def test_capital_that_no_order_can_be_made_of_is_refused_before_files_are_moved(
    config: BotConfig, capital: float, complaint: str
) -> None:
    dry = dataclasses.replace(config, mode="dry-run", keys=None, capital=capital)
    save(dry)
    async with exchange(dry) as (_, there):
        with pytest.raises(DataError, match=complaint):
            await Bot(there).run()
    assert (dry.folder / "BTCUSDT_state.json").exists()
    assert not (dry.folder / "old").exists()


async def test_the_capital_that_is_named_as_the_least_is_enough(config: BotConfig) -> None:
    from exchange.binance import BinanceBroker
    from exchange.binance.client import Venue

    async with exchange(config) as (_, there):
        venue = Venue(base_url=there.base_url)
        async with BinanceBroker(BTC, there.keys, venue) as market:
            with pytest.raises(DataError) as caught:
                await require_beginning(dataclasses.replace(there, capital=100.0), market)
            needed = float(str(caught.value).split("it needs ")[1].split(" ")[0].replace(",", ""))
            await require_beginning(dataclasses.replace(there, capital=needed), market)
            with pytest.raises(DataError):
                await require_beginning(dataclasses.replace(there, capital=0.97 * needed), market)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [({"start": "2024-99-99"}, "2024-99-99"), ({"source": "/nowhere"}, "/nowhere")],
)
async def test_a_market_that_cannot_be_moves_no_file(
    config: BotConfig, parts: dict[str, Any], complaint: str
) -> None:
    paper = dataclasses.replace(config, mode="paper", keys=None, **parts)
    save(paper)
    with pytest.raises(DataError, match=complaint):
        await Bot(paper).run()
    assert (paper.folder / "BTCUSDT_state.json").exists()
    assert not (paper.folder / "old").exists()


def test_a_full_disk_is_one_sentence(config: BotConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.live.preflight import _disk

    monkeypatch.setattr("shutil.disk_usage", lambda _: argparse.Namespace(free=21_000_000))
    config.data_dir.mkdir()
    assert line_of(_disk(config.data_dir)) == (
        f"BAD  disk            21 MB free (wanted: 1.0 GB); free some space at {config.data_dir}: "
        "a bot that cannot write stops"
    )


def test_the_same_advice_is_said_once() -> None:
    check = Check("keys", "none; set BINANCE_API_KEY", "a key", "bad", "set BINANCE_API_KEY")
    assert line_of(check).count("set BINANCE_API_KEY") == 1


def test_flags_that_do_not_fit_are_named_before_missing_keys(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert gridtui.main(["live", "--coin", "BTC", "--yes", "--seed", "3"]) == 2
    assert "--seed belongs to --paper" in capsys.readouterr().err


def test_a_run_that_goes_on_has_its_own_capital(config: BotConfig) -> None:
    dry = dataclasses.replace(config, mode="dry-run", keys=None)
    save(dry)
    parser = argparse.ArgumentParser()
    add_bot_arguments(parser, coin_required=True)
    parser.set_defaults(data_dir=str(dry.data_dir))
    args = parser.parse_args(["--coin", "BTC", "--dry-run", "--resume"])
    require_flags_that_fit(args)
    assert bot_config(args, None, "dry-run").capital == 500.0


async def test_what_the_operator_says_and_what_becomes_of_it_is_told(config: BotConfig) -> None:
    told: list[str] = []

    def hear(kind: str, payload: Any) -> None:
        if kind == "note":
            told.append(payload["text"])

    async with exchange(config) as (paper, there):
        bot = Bot(there, hear)
        running = asyncio.create_task(bot.run())
        async with asyncio.timeout(60):
            while len(paper.venue.book.resting()) < 6:
                await asyncio.sleep(0.05)
        paper.misbehave(what="http", status=503, endpoint="DELETE /fapi/v1/order", times=99)
        with pytest.raises(CommandError, match="noted, it takes effect when the exchange answers"):
            await bot.obey("pause", {}, "a test")
        paper.faults.clear()
        assert await bot.obey("pause", {}) == "entries are paused; take-profits and stops stay"
        bot.stop()
        assert await running == "entries cancelled, state saved; no position is open"
    assert told[0].startswith(f"begins at {there.base_url}, account {there.account}; capital 10,00")
    assert "pause was asked for by a test" in told
    assert "pause was asked for by the socket" in told
    assert any(text.startswith("pause is not done: noted, ") for text in told)
    assert "pause: entries are paused; take-profits and stops stay" in told


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StateError("cannot write: no space left"), "ended by an error: cannot write: no space"),
        (KeyError("secret"), "ended by a defect of gridtui (KeyError); its log has it"),
    ],
)
async def test_who_watches_is_told_that_a_bot_did_not_end_as_it_was_asked_to(
    config: BotConfig, error: Exception, words: str
) -> None:
    async def broken() -> None:
        raise error

    async with exchange(config) as (paper, there):
        bot = Bot(there, lambda *_: None)
        running = asyncio.create_task(bot.run())
        async with asyncio.timeout(60):
            while len(paper.venue.book.resting()) < 6:
                await asyncio.sleep(0.05)
        client = await ControlClient.connect(socket_path(there.folder, "BTCUSDT"))
        async with client:
            assert bot._runner is not None
            bot._runner.tick = broken  # type: ignore[method-assign]
            with pytest.raises(type(error)):
                await running
            async for _ in client.events():
                pass
            assert client.farewell.startswith(words)


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """Lets bots run, as far as their locks tell."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))

    def runs(account: str, folder: str) -> Any:
        lock = BotLock(account, "BTCUSDT")
        mode = account.partition("-")[0]
        return lock.acquire(data_folder=Path(folder), mode=mode, control=Path("/s"))

    return runs


def test_a_command_is_for_the_bot_of_the_own_data_folder(bots: Callable[[str, str], Any]) -> None:
    with bots("demo-1", "/a"), bots("demo-2", "/b"), bots("paper", "/c"):
        assert the_bot("BTC", None, Path("/b")).holder.account == "demo-2"
        assert the_bot("BTC", "paper", Path("/b")).holder.data_folder == "/c"
        with pytest.raises(UsageError, match=r"\(demo, paper\): choose one with --mode"):
            the_bot("BTC", None, Path("/elsewhere"))
        with pytest.raises(UsageError, match=r"data in /a, /b\): choose one with --data-dir"):
            the_bot("BTC", "demo")
        with pytest.raises(UsageError, match="no bot"):
            the_bot("BTC", None, Path("/elsewhere"), strict=True)
