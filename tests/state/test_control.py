"""Commands in, each with one answer; events out, none missing. Costs 6 s."""

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.control import ControlServer
from state.control_client import ControlClient, Event, RefusedError, Snapshot, ask
from state.control_wire import PROTOCOL, line_of, socket_path
from state.errors import StateError
from tests.state.control import Bot, raw, running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return socket_path(tmp_path, "BTCUSDT")


async def test_a_client_is_greeted_then_gets_everything_then_every_event(path: Path) -> None:
    async with running(path) as bot:
        for _ in range(3):
            bot.step(lossless=False)
        async with raw(path, greeted=False) as client:
            hello = {"type": "hello", "protocol": PROTOCOL, "control": True, "from": True}
            assert await client.receive() == hello
            snapshot = {"type": "snapshot", "n": 3, "lost": 0, "document": {"count": 3}}
            assert await client.receive() == snapshot
            bot.step(lossless=True)
            event = {"type": "event", "n": 4, "kind": "fill", "payload": {"count": 4}}
            assert await client.receive() == event


async def test_no_event_falls_between_snapshot_and_first_event(path: Path) -> None:
    async with running(path) as bot:

        async def busy() -> None:
            while True:
                bot.step(lossless=True)
                await asyncio.sleep(0)

        task = asyncio.create_task(busy())
        for _ in range(20):
            async with await ControlClient.connect(path) as client:
                assert client.snapshot.n == client.snapshot.document["count"]
                n = client.snapshot.n
                async for event in client.events():
                    assert isinstance(event, Event)
                    assert event.n == event.payload["count"] == n + 1
                    n = event.n
                    if n > client.snapshot.n + 20:
                        break
        task.cancel()


async def test_each_command_has_one_answer_with_its_id(path: Path) -> None:
    async with running(path) as bot, raw(path) as client:
        client.send({"id": "w", "name": "wait"}, {"id": "a", "name": "add", "arguments": {}})
        client.send({"id": "r", "name": "refuse"}, {"id": "u", "name": "unknown"})
        client.send({"id": "l", "name": "long"}, {"id": "o", "name": "odd"})
        first = await client.answers(5)
        bot.gate.set()
        answers = {answer["id"]: answer for answer in first + await client.answers(1)}
        assert answers["a"] == {"type": "answer", "id": "a", "ok": True, "result": {"count": 1}}
        assert answers["r"]["error"] == "not while a position is open"
        assert answers["u"]["error"] == "the command failed inside the bot: KeyError: 'unknown'"
        assert answers["l"]["error"] == "it was carried out, but its result is too long"
        assert answers["o"]["result"] == {"number": None, "thing": "{1}"}
        assert answers["w"]["result"] == "waited"
        assert [answers[key]["ok"] for key in "ruwlo"] == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("line", "error", "command_id"),
    [
        (b"\n", "no JSON", None),
        (b"pause\n", "no JSON", None),
        (b"\xff\xfe\n", "no JSON", None),
        (b"[" * 60_000 + b"\n", "no JSON", None),
        (b'{"id":1' + b"0" * 6000 + b"}\n", "no JSON", None),
        (b"[1]\n", "is a JSON object", None),
        (b'{"name":"add"}\n', "needs an id", None),
        (b'{"id":"","name":"add"}\n', "needs an id", None),
        (b'{"id":7,"name":"add"}\n', "needs an id", None),
        (b'{"id":"' + b"x" * 65 + b'","name":"add"}\n', "needs an id", None),
        (b'{"id":"a"}\n', "needs a name", "a"),
        (b'{"id":"a","name":"add","arguments":[]}\n', "arguments as an object", "a"),
        (b'{"id":"a","name":"add","more":1}\n', "nothing else", "a"),
        (b'{"id":"a","name":"add","arguments":{"x":"' + b"x" * 70_000 + b'"}}\n', "too long", None),
        (b"x" * 500_000 + b"\n", "too long", None),
    ],
)
async def test_a_line_that_is_no_command_is_answered_and_the_next_one_works(
    path: Path, line: bytes, error: str, command_id: str | None
) -> None:
    async with running(path) as bot, raw(path) as client:
        client.send(line, {"id": "z", "name": "add"})
        refused, added = await client.answers(2)
        assert (refused["ok"], refused["id"]) == (False, command_id)
        assert error in refused["error"]
        assert added["result"] == {"count": 1}
        assert bot.count == 1


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_whatever_a_client_sends_the_bot_goes_on(path: Path, data: bytes) -> None:
    async def scene() -> None:
        async with running(path) as bot:
            async with raw(path) as hostile:
                hostile.send(data)
                await hostile.writer.drain()
                async with raw(path) as client:
                    client.send({"id": "a", "name": "add"})
                    assert (await client.answers(1))[0]["result"] == {"count": 1}
            assert bot.count == 1

    asyncio.run(scene())


async def test_a_client_that_sends_nothing_but_nonsense_is_sent_away(path: Path) -> None:
    async with running(path), raw(path) as client:
        client.send(b"\n" * 5000)
        messages = await client.rest()
        assert messages[-1] == {"type": "bye", "error": "too many lines that are no commands"}
        assert len(messages) == 101


async def test_a_flood_of_commands_leaves_the_bot_its_turn(path: Path) -> None:
    async with running(path), raw(path) as client:
        client.send(b'{"id":"a","name":"refuse"}\n' * 4000)
        longest = 0.0
        flood = asyncio.create_task(client.answers(4000))
        while not flood.done():
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(0)
            longest = max(longest, asyncio.get_running_loop().time() - before)
        assert longest < 0.5


@pytest.mark.parametrize("by_the_bot", [True, False])
async def test_a_client_that_may_only_watch_is_refused_commands(
    path: Path, by_the_bot: bool
) -> None:
    async with (
        running(path, allow_control=not by_the_bot) as bot,
        await ControlClient.connect(path, read_only=not by_the_bot) as client,
    ):
        assert not client.greeting.control_allowed
        with pytest.raises(RefusedError, match="may only watch"):
            await client.command("add")
        bot.step(lossless=True)
        assert await anext(client.events()) == Event(1, "fill", {"count": 1})
        assert bot.count == 1


async def test_several_clients_see_the_same_events_and_their_own_answers(path: Path) -> None:
    async with running(path) as bot:
        clients = [await ControlClient.connect(path) for _ in range(4)]
        results = await asyncio.gather(*(client.command("add") for client in clients))
        assert sorted(result["count"] for result in results) == [1, 2, 3, 4]
        for client in clients:
            events = client.events()
            assert [(await anext(events)).n for _ in range(4)] == [1, 2, 3, 4]
            await client.close()
        assert bot.count == 4


async def test_a_client_too_many_is_told_so(path: Path) -> None:
    async with running(path):
        clients = [await ControlClient.connect(path) for _ in range(16)]
        with pytest.raises(StateError, match="says no: too many clients"):
            await ControlClient.connect(path)
        await clients.pop().close()
        while True:
            try:
                clients.append(await ControlClient.connect(path))
                break
            except StateError:
                await asyncio.sleep(0.01)
        for client in clients:
            await client.close()


async def test_a_command_is_carried_through_when_its_client_hangs_up(path: Path) -> None:
    async with running(path) as bot:
        async with raw(path) as client:
            client.send({"id": "w", "name": "wait"}, {"id": "a", "name": "add"})
            await client.answers(1)
        await asyncio.sleep(0.05)
        assert bot.ended == []
        bot.gate.set()
        await asyncio.sleep(0.05)
        assert bot.ended == ["wait"]


async def test_closing_ends_the_command_of_a_client_that_has_hung_up(path: Path) -> None:
    bot = Bot(path)
    await bot.server.start()
    async with raw(path) as client:
        client.send({"id": "w", "name": "wait"}, {"id": "a", "name": "add"})
        await client.answers(1)
    await asyncio.sleep(0.05)
    await bot.server.close()
    assert bot.ended == ["wait"]


async def test_a_client_that_closes_its_half_still_gets_its_answers(path: Path) -> None:
    async with running(path) as bot, raw(path) as client:
        client.send({"id": "w", "name": "wait"}, {"id": "a", "name": "add"})
        client.writer.write_eof()
        await client.answers(1)
        bot.gate.set()
        assert [message["id"] for message in await client.rest()] == ["w"]


async def test_closing_answers_what_is_under_way_and_says_goodbye(path: Path) -> None:
    bot = Bot(path)
    await bot.server.start()
    async with raw(path) as client, await ControlClient.connect(path) as watcher:
        client.send({"id": "w", "name": "wait"}, {"id": "a", "name": "add"})
        await client.answers(1)
        await bot.server.close("stopped by the operator")
        messages = await client.rest()
        assert [message["type"] for message in messages] == ["answer", "bye"]
        assert messages[0]["error"] == "the bot stopped before this was done"
        assert [event.n async for event in watcher.events()] == [1]
        assert watcher.farewell == "stopped by the operator"
        with pytest.raises(StateError, match="hung up"):
            await watcher.command("add")
    assert not path.exists()
    await bot.server.close()
    with pytest.raises(StateError, match="no bot listens at"):
        await ControlClient.connect(path)


async def test_an_event_that_cannot_be_shown_as_it_is_never_raises(path: Path) -> None:
    class Spiteful:
        def __str__(self) -> str:
            raise RuntimeError("no")

    class Broken(dict[str, object]):
        def items(self) -> object:  # type: ignore[override]
            raise RuntimeError("no")

    async with running(path) as bot, await ControlClient.connect(path) as client:
        events = client.events()
        bot.server.publish("a", {"x": float("nan"), "y": Spiteful()}, lossless=True)
        bot.server.publish("b", {"x": "y" * 300_000}, lossless=True)
        bot.server.publish("c", {}, lossless=True)
        found = [await anext(events) for _ in range(3)]
        bot.server.publish("d", {"x": Broken({"z": 10**5000})}, lossless=True)
        found.append(await anext(events))
        assert found[0] == Event(1, "a", {"x": None, "y": "<Spiteful: RuntimeError>"})
        assert found[1] == Event(2, "b", {"too_long": 300_008})
        assert found[2] == Event(3, "c", {})
        assert found[3] == Snapshot(4, 1, {"count": 0})


async def test_without_a_snapshot_to_send_a_client_is_sent_away(path: Path) -> None:
    async with running(path) as bot:
        bot.server.set_snapshot(lambda: {"x": "y" * 5_000_000})
        with pytest.raises(StateError, match="the bot has no snapshot to send"):
            await ControlClient.connect(path)
        bot.server.set_snapshot(lambda: {}["missing"])
        with pytest.raises(StateError, match="the bot has no snapshot to send"):
            await ControlClient.connect(path)
        bot.step(lossless=True)


@pytest.mark.parametrize("argument", [float("nan"), {1}, "x" * 70_000])
async def test_arguments_that_would_not_arrive_as_they_are_are_refused_at_once(
    path: Path, argument: object
) -> None:
    async with running(path), await ControlClient.connect(path) as client:
        with pytest.raises(StateError, match=r"^command\.arguments\.x is|is too long to be sent"):
            await client.command("add", {"x": argument})
        assert (await client.command("add"))["count"] == 1


async def test_a_command_without_an_answer_in_time_says_that_its_fate_is_unknown(
    path: Path,
) -> None:
    async with running(path), await ControlClient.connect(path) as client:
        with pytest.raises(StateError, match=r"no answer to wait within 0\.05 s; whether it was"):
            await client.command("wait", timeout_s=0.05)
        assert (await client.command("add"))["count"] == 1


async def test_a_bot_that_dies_under_a_command_leaves_its_fate_unknown(path: Path) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"type":"hello","protocol":2,"control":true}\n')
        writer.write(b'{"type":"snapshot","n":0,"lost":0,"document":{}}\n')
        await reader.readline()
        writer.transport.abort()

    server = await asyncio.start_unix_server(die, path)
    async with await ControlClient.connect(path) as client:
        with pytest.raises(StateError, match="whether it was carried out is not known"):
            await client.command("add")
        with pytest.raises(StateError, match=r"hung up|broke"):
            await anext(client.events())
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "words", [b"SSH-2.0\n", b'{"type":"hello","protocol":99}\n', b"[]\n", b"", b"x" * 5_000_000]
)
async def test_what_is_no_bot_of_this_version_is_told(path: Path, words: bytes) -> None:
    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    server = await asyncio.start_unix_server(other, path)
    with pytest.raises(StateError, match=r"is no bot|protocol 2|hung up"):
        await ControlClient.connect(path)
    server.close()
    await server.wait_closed()


async def test_a_bot_that_does_not_answer_is_told_in_time(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(StateError, match=r"no bot answers at .* within 0\.05 s"):
            await ControlClient.connect(path, timeout_s=0.05)


async def test_a_thread_without_a_loop_can_ask(path: Path) -> None:
    async with running(path):
        assert await asyncio.to_thread(ask, path, "add", {"times": 3}) == {"count": 3}
        with pytest.raises(RefusedError, match="not while a position is open"):
            await asyncio.to_thread(ask, path, "refuse")


async def test_the_bot_hears_who_sends_a_command(path: Path) -> None:
    async with running(path) as bot:
        await asyncio.to_thread(ask, path, "add", origin="a test")
        await asyncio.to_thread(ask, path, "add")
        async with raw(path) as client:
            client.send({"id": "a", "name": "add", "from": "somebody else"})
            await client.answers(1)
            client.send({"id": "b", "name": "add", "from": "two\nlines"})
            (answer,) = await client.answers(1)
            assert "who a command is from" in answer["error"]
    assert bot.origins == [f"a test, process {os.getpid()}", "the socket", "somebody else"]


async def test_a_bot_that_knows_no_senders_is_not_told_of_one(path: Path) -> None:
    got = asyncio.Queue[bytes]()

    async def older(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(line_of(type="hello", protocol=PROTOCOL, control=True))
        writer.write(line_of(type="snapshot", n=0, lost=0, document={}))
        line = await reader.readline()
        got.put_nowait(line)
        writer.write(line_of(type="answer", id=json.loads(line)["id"], ok=True, result="done"))
        writer.close()

    path.parent.mkdir(parents=True, exist_ok=True)
    async with await asyncio.start_unix_server(older, path):
        assert await asyncio.to_thread(ask, path, "pause", origin="a test") == "done"
    assert json.loads(await got.get()).keys() == {"id", "name", "arguments"}


def test_a_server_that_was_never_started_publishes_into_the_void(path: Path) -> None:
    async def handler(*_: object) -> None: ...

    server = ControlServer(path, handler)
    server.publish("quote", {"bid": 1.0}, lossless=False)
    asyncio.run(server.close())
    assert not path.exists()
