"""Telling a bot to do something: the one that was meant, and no other that took its place."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from state.control_client import ControlClient, RefusedError
from state.errors import StateError
from tui.bot.fate import fate_of
from tui.bots import ANSWER_S

if TYPE_CHECKING:
    from pathlib import Path

    from state.lock import Holder

SCREENS = "the screens"
"""What the bot's records call a command from here."""

_NOTED = "noted"
"""How the refusal begins of a bot that will do it by itself."""


class Told(NamedTuple):
    """What has become of a command.

    Attributes:
        done: the exchange has confirmed it.
        words: a sentence for people, whatever has become of it.
        noted: it is not done, but the bot goes on with it by itself.
    """

    done: bool
    words: str
    noted: bool = False


async def tell(
    name: str,
    path: Path,
    holder: Holder | None,
    client: ControlClient | None = None,
    turn: asyncio.Lock | None = None,
) -> Told:
    """Tell a bot something; raises nothing.

    Args:
        path: of its control socket.
        holder: what its lock said when it was chosen; None where no lock is known.
        client: a connection that stands already; else one is made.
        turn: of all that goes over this connection, so that it leaves in the order of the calls.
    """
    try:
        async with AsyncExitStack() as stack:
            if client is None:
                made = await ControlClient.connect(path, origin=SCREENS)
                client = await stack.enter_async_context(made)
            # once connected: nobody can take the place of who answers any more
            async with turn or nullcontext():
                runs = await still_runs(holder)
            if not runs:
                return Told(False, f"{name}: not sent, the bot that was meant runs no more")
            # nothing is waited for between the turn and the sending
            return Told(True, str(await client.command(name, timeout_s=ANSWER_S)))
    except RefusedError as error:
        noted = str(error).startswith(_NOTED)
        return Told(False, f"{name}: {'' if noted else 'not done: '}{error}", noted)
    except StateError as error:
        return Told(False, f"{name}: not done: {error}")


async def still_runs(holder: Holder | None) -> bool:
    """Whether the lock is held by that very process still; True where no lock is known."""
    return holder is None or await asyncio.to_thread(fate_of, holder) == "lives"
