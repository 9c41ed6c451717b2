"""What calls of bots that run and are not shown: alarms and silence, on every screen (8 s)."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bot_app import Clock, watched
from tests.bot_documents import alarm, snapshot
from tests.machine import Machine, becomes, machine
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.bot.others import Others
from tui.bot.view import alarm_name
from tui.bots import RunningBot


def says(there: Machine, mode: str, *keys: str) -> None:
    """From now on the bot of this mode has alarms of these keys."""
    alarms = [alarm(key) for key in keys]
    there.servers[mode].set_snapshot(lambda: snapshot(mode, alarms=alarms))


def hearing(
    others: Others, clock: Clock, bot: RunningBot, said: list[str], come: Callable[[], bool]
) -> Callable[[], bool]:
    """Let time pass, and listen, until something has come."""

    def listened() -> bool:
        clock.now += 1.0
        said.extend(others.listen([bot], None))
        return come()

    return listened


async def test_an_alarm_of_a_bot_that_is_not_shown_is_said_once_and_marks_the_list_of_bots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.bot.others._APART_S", 0.5)
    app = GridTui(tmp_path, clock=lambda: NOON, first="8")
    running = app.run_test(size=(120, 40), notifications=True)
    async with machine(tmp_path, monkeypatch) as there, running as pilot:
        await until(pilot, lambda: app.store is not None, "the first screen")
        rung: list[str] = []
        app.attention._write = rung.append
        fleet = app.store.fleet
        live = there.bots["live"]
        await fleet.follow(live)
        await until(pilot, lambda: bool(fleet.watched.account), "what it has")
        says(there, "paper", "disk", "filters")
        await until(pilot, lambda: "!Bots" in screen_text(app), "the mark")
        words = "BTC/USDT (paper): 2 alarms; 0 shows it"
        await until(pilot, lambda: words in screen_text(app), words)
        assert rung.count("\a") == 1
        await fleet.follow(there.bots["paper"])
        await until(pilot, lambda: "!Bots" not in screen_text(app), "who is shown says it itself")
        assert len(fleet.watched.unseen) == 2
        while fleet.watched.unseen:
            await pilot.press("exclamation_mark")
        await pilot.pause(0.3)
        await fleet.follow(live)
        others = fleet.others
        await until(pilot, lambda: others.pulses.heard(there.bots["paper"]), "its next word")
        await pilot.pause(0.3)
        assert fleet.listen() == []
        assert others.calling == frozenset()
        assert rung.count("\a") == 1


async def test_a_bot_that_has_rung_as_it_was_shown_does_not_ring_as_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        says(there, "paper", "disk")
        bot, clock, said = there.bots["paper"], Clock(), list[str]()
        others = Others(clock)
        others.shown(bot, watched(snapshot(alarms=[alarm("disk")])))
        assert others.rung(bot) == {alarm_name(alarm("disk"))}
        await becomes(hearing(others, clock, bot, said, lambda: others.calling == {bot}))
        assert said == []
        says(there, "paper", "disk", "filters")
        await becomes(hearing(others, clock, bot, said, lambda: bool(said)))
        assert said == ["BTC/USDT: 2 alarms"]
        again = {**alarm("disk"), "time_ms": alarm("disk")["time_ms"] + 7_200_000}
        said.clear()
        there.servers["paper"].set_snapshot(lambda: snapshot("paper", alarms=[again]))
        await becomes(hearing(others, clock, bot, said, lambda: bool(said)))
        assert said == ["BTC/USDT: 1 alarm"]
        assert others.listen([], None) == []
        assert (others.calling, others.rung(bot)) == (frozenset(), frozenset())


async def test_a_silence_is_said_once_until_the_bot_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with machine(tmp_path, monkeypatch) as there:
        bot, clock, said = there.bots["paper"], Clock(), list[str]()
        others = Others(clock)
        await there.servers["paper"].close()
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(bot.socket))
            bot.socket.chmod(0o600)
            deaf.listen()
            others.listen([bot], None)
            clock.now += 17.0
            assert others.listen([bot], None) == ["BTC/USDT silent for 17 s"]
            assert others.calling == {bot}
            clock.now += 5.0
            assert others.listen([bot], None) == []
            bot.socket.unlink()
        await becomes(hearing(others, clock, bot, said, lambda: not others.calling))
        assert said == []
