"""Every key of a place is pressed; what it ran and what is seen of it is compared with a table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from textual.pilot import Pilot

from tests.screen_text import screen_text
from tui.keys import KEYS, Key

SMALL_AND_WIDE = ((80, 24), (120, 40))
_PATIENCE_S = 20.0

Seen = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Effect:
    """What is seen of a key.

    Attributes:
        seen: a text that is on the screen after it and not before; or a function of the
            application whose value it changes; None: nothing is to be seen here.
        first, then: keys before, of which as much is to be seen, and after, which bring back what
            was; `'word` is typed.
        focus: the widget that has the focus, as a selector.
        begin, ready, end: what is done to the application before; once the focus is there; after.
        taken: the key that the widget with the focus takes itself, which leads to the same.
        instead: the row that has the same key on this screen, and does this as well.
        without: a key of the row that is another one's on this screen.
        narrow: to be seen on a narrow terminal alone.
    """

    seen: str | Seen | None
    first: str = ""
    then: str = ""
    focus: str = ""
    begin: Callable[[Any], object] | None = None
    ready: Callable[[Any], object] | None = None
    end: Callable[[Any], object] | None = None
    taken: str = ""
    instead: str = ""
    without: str = ""
    narrow: bool = False


class Walk:
    """An application whose keys are pressed one after the other; what is wrong is collected."""

    def __init__(self, pilot: Pilot[Any], where: str, effects: Mapping[str, Effect]) -> None:
        self.pilot, self.app, self.where = pilot, pilot.app, where
        self._effects = effects
        self._ran: list[tuple[str, set[str | None]]] = []
        self.wrong: list[str] = []

    async def press_all(
        self,
        place: str,
        focus: str = "",
        begin: Callable[[Any], object] | None = None,
        without: Sequence[str] = (),
        unseen: bool = False,
    ) -> None:
        """Every key of a place.

        Args:
            focus: for those whose effect names none.
            begin: what is done to the application before each.
            without: ids of rows that are pressed elsewhere.
            unseen: there is nothing to be seen of them here, where everything has room.
        """
        for key in (key for key in KEYS if key.place == place and key.id not in without):
            effect = self._effects.get(f"{self.where} {key.id}", self._effects.get(key.id))
            if effect is None:
                self.wrong.append(f"{key.id}: say in tests/key_effects.py what is seen of it")
                continue
            how = replace(effect, focus=effect.focus or focus)
            if unseen or (effect.narrow and self.app.size.width > SMALL_AND_WIDE[0][0]):
                how = replace(how, seen=None, first="", then="")
            for name in key.keys.split(","):
                if name not in effect.without.split():
                    below = len(self.app.screen_stack)
                    if begin is not None:
                        begin(self.app)
                    await self._press_one(key, name, how)
                    while len(self.app.screen_stack) > below:
                        self.app.pop_screen()

    def check(self) -> None:
        """Raises AssertionError with everything that was wrong."""
        assert not self.wrong, "\n".join(self.wrong)

    async def _press_one(self, key: Key, name: str, effect: Effect) -> None:
        app = self.app
        app.clear_notifications()
        await self._comes(lambda: not app.screen.query("Toast"))
        if effect.begin is not None:
            effect.begin(app)
            await self.pilot.pause(0)
        if effect.focus:
            if not await self._comes(lambda: app.screen.query(effect.focus)):
                self.wrong.append(f"{self.where}, {name} ({key.id}): no {effect.focus} is there")
                return
            app.screen.query_one(effect.focus).focus()
        await self.pilot.pause(0)
        if effect.ready is not None:
            effect.ready(app)
        seen = _function(effect)
        about = f"{self.where}, {name} ({key.id}) at {app.size.width}x{app.size.height}"
        if isinstance(effect.seen, str) and not await self._comes(lambda: not seen(app)):
            self.wrong.append(f"{about}: {effect.seen!r} is there already")
            return
        base = seen(app)
        with self._listening():
            await self._type(effect.first)
            if effect.first and not await self._comes(lambda: seen(app) != base):
                self.wrong.append(f"{about}: {effect.first} is not seen\n{screen_text(app)}")
            before = seen(app)
            self._ran.clear()
            app.simulate_key(name)
            taken = name in effect.taken.split()
            if not taken and not await self._comes(lambda: self._ran):
                self.wrong.append(f"{about}: nothing was run")
            elif not taken and not _is_of(self._ran, effect.instead or key.id):
                self.wrong.append(f"{about}: ran {self._ran}")
            if effect.seen is not None and not await self._comes(lambda: seen(app) != before):
                self.wrong.append(f"{about}: {effect.seen} is still {before}\n{screen_text(app)}")
            await self._type(effect.then)
        if effect.end is not None:
            effect.end(app)
        if effect.then and not await self._comes(lambda: seen(app) == base):
            self.wrong.append(
                f"{about}: {effect.then} did not bring {base} but {seen(app)}\n{screen_text(app)}"
            )

    async def _type(self, keys: str) -> None:
        """Keys between spaces, each of which has to run something; `'word` is typed."""
        for name in keys.split():
            if name.startswith("'"):
                await self.pilot.press(*name[1:])
                continue
            self._ran.clear()
            self.app.simulate_key(name)
            if not await self._comes(lambda: self._ran):
                self.wrong.append(f"{self.where}: {name}, on the way to another key, ran nothing")
            await self.pilot.pause(0)
            await self.pilot.pause(0.01)

    async def _comes(self, true: Callable[[], object], patience_s: float = _PATIENCE_S) -> bool:
        deadline = monotonic() + patience_s
        while not true():
            if monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Note every action that a key runs, and the ids of the table's rows that it may be of."""
        app = self.app
        run_action = app.run_action

        async def noted(action: Any, node: Any = None, namespaces: Any = None) -> bool:
            ids = _ids(node or app, action)
            done = await run_action(action, node, namespaces)
            if done:
                self._ran.append((action, ids))
            return done

        app.run_action = noted  # type: ignore[method-assign]
        try:
            yield
        finally:
            app.run_action = run_action  # type: ignore[method-assign]


def _ids(node: Any, action: str) -> set[str | None]:
    """Ids under which a node binds an action."""
    lists = node._bindings.key_to_bindings.values()
    return {binding.id for bindings in lists for binding in bindings if binding.action == action}


def _is_of(ran: Sequence[tuple[str, set[str | None]]], name: str) -> bool:
    key = next(key for key in KEYS if key.id == name)
    return len(ran) == 1 and ran[0][0] == key.action and key.id in ran[0][1]


def _function(effect: Effect) -> Seen:
    seen = effect.seen
    if seen is None:
        return lambda _app: None
    if isinstance(seen, str):
        return lambda app: seen in " ".join(screen_text(app).split())
    return seen
