"""Commands are carried out in the order in which they were sent. Costs 6 s."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.live.asked import BY_OPERATOR
from engine.live.bot import Bot
from engine.live.config import BotConfig
from engine.params import StrategyParams
from exchange.binance.client import Keys
from exchange.paper.listing import load_listing
from exchange.paper.server import PAPER_KEYS, PaperExchange
from exchange.symbol import Symbol
from state.control_client import ControlClient, RefusedError
from state.control_wire import socket_path

COIN = load_listing("BTC", "15m", "2024-01-01", "2024-01-04")
ENDING = "flatten was asked for before: the bot is ending"


@pytest.fixture
async def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bot]:
    """One whose entries rest; what it does not end by itself is stopped."""
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    keys = Keys(PAPER_KEYS.key, PAPER_KEYS.secret)
    async with PaperExchange([COIN], start="2024-01-03") as paper:
        paper.open_bar()
        folder = tmp_path / "data"
        config = BotConfig(
            Symbol("BTC"), "live", StrategyParams(), folder, keys=keys, base_url=paper.url
        )
        bot = Bot(config)
        running = asyncio.create_task(bot.run())
        async with asyncio.timeout(60):
            while len(paper.venue.book.resting()) < 6:
                await asyncio.sleep(0.05)
        yield bot
        bot.stop()
        await running


@asynccontextmanager
async def connected(bot: Bot) -> AsyncIterator[ControlClient]:
    path = socket_path(bot.config.folder, "BTCUSDT")
    async with await ControlClient.connect(path) as client:
        yield client


async def sent(client: ControlClient, *names: str) -> list[asyncio.Task[str]]:
    """Commands that leave one after the other, of which none waits for an answer."""
    tasks = [asyncio.create_task(client.command(name)) for name in names]
    await asyncio.sleep(0.2)
    return tasks


async def test_a_pause_that_was_sent_after_a_flatten_is_not_carried_out_before_it(bot: Bot) -> None:
    async with connected(bot) as client:
        flatten, pause = await sent(client, "flatten", "pause")
        with pytest.raises(RefusedError, match=ENDING):
            await pause
        assert (await flatten).startswith("flat: every order of ours is cancelled")
    assert bot._runner is not None
    assert BY_OPERATOR not in bot._runner.run.memory.paused


async def test_nothing_is_laid_for_a_resume_that_was_sent_after_a_flatten(bot: Bot) -> None:
    async with connected(bot) as client:
        await client.command("pause")
        flatten, resume = await sent(client, "flatten", "resume")
        with pytest.raises(RefusedError, match=ENDING):
            await resume
        assert (await flatten).startswith("flat: ")
    assert bot._runner is not None
    assert BY_OPERATOR in bot._runner.run.memory.paused


async def test_a_resume_waits_for_the_pause_that_was_sent_before_it(bot: Bot) -> None:
    runner = bot._runner
    assert runner is not None
    async with connected(bot) as client:
        async with runner.lock:  # a tick is under way as they come
            pause, resume = await sent(client, "pause", "resume")
            assert not resume.done()
        assert (await pause).startswith("entries are paused")
        assert await resume == "entries are laid again"
    assert runner.run.memory.paused == []


async def test_a_flatten_overrules_a_stop_that_is_half_done(bot: Bot) -> None:
    runner = bot._runner
    assert runner is not None
    async with connected(bot) as client:
        async with runner.lock:
            (stop,) = await sent(client, "stop")
            (flatten,) = await sent(client, "flatten")
        assert (await flatten).startswith("flat: every order of ours is cancelled")
        assert await stop == await flatten
