"""Keys take effect in the order in which they were typed, however fast they come."""

from __future__ import annotations

import asyncio
from collections import deque

from textual.app import App
from textual.events import Event, Key, Paste
from textual.message import Message

_ROUNDS = 2
_LONGEST_S = 1.0


class KeysInOrder(App[None]):
    """A key is handed on once the one before has had all of its effects.

    Textual hands every key to the widget that has the focus at that moment. A character is taken
    there at once, but backspace, arrows and enter climb up to the application first. Typed fast,
    or on a slow machine, `backspace 3 6 0 0` would be taken as `3 6 0 0 backspace`, and what
    follows an arrow would go into the field that the arrow leaves.
    """

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[Event] = deque()
        self._under_way = 0  # the number of a key; 0: none
        self._last_number = 0
        self._giving_up: asyncio.TimerHandle | None = None

    async def on_event(self, event: Event) -> None:
        """What is typed waits for its turn."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            self._typed.append(event)
            if not self._under_way:
                await self._take_next()
        else:
            await super().on_event(event)

    async def on_key_taken(self, message: KeyTaken) -> None:
        """It has climbed as the key had; what the key has caused climbs before the next one."""
        if message.number != self._under_way:
            return
        if message.rounds > 1:
            self._follow(message.number, message.rounds - 1)
        else:
            # after a change of the focus, which Textual leaves to a later message
            self.call_later(self._done, message.number)

    async def _done(self, number: int) -> None:
        if number == self._under_way:
            await self._take_next()

    async def _take_next(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
        if not self._typed:
            self._under_way, self._giving_up = 0, None
            return
        self._last_number += 1
        self._under_way = number = self._last_number
        # whatever the message behind it may meet, such as the end of its screen
        self._giving_up = asyncio.get_running_loop().call_later(
            _LONGEST_S, self.post_message, KeyTaken(number, rounds=1)
        )
        goes_to = self.focused or self.screen
        await super().on_event(self._typed.popleft())
        if not goes_to.post_message(KeyTaken(number, _ROUNDS)):
            self._follow(number, _ROUNDS)

    def _follow(self, number: int, rounds: int) -> None:
        (self.focused or self.screen).post_message(KeyTaken(number, rounds))


class KeyTaken(Message):
    """Climbs behind a key, from the widget that got it up to the application.

    Args:
        number: of the key.
        rounds: how often it still climbs, with this time.
    """

    def __init__(self, number: int, rounds: int) -> None:
        super().__init__()
        self.number = number
        self.rounds = rounds
