"""Bots that were started from the screens, until they can be reached."""

from __future__ import annotations

from pathlib import Path

from state.errors import StateError
from tui.bot.launch import Launch, StartOrder, StartText
from tui.keys import key_of


class Starts:
    """What all screens know of bots on their way.

    Attributes:
        launches: started, and not reached yet, or never.
        words: what each has said last, by its process.
        folders: data folders of bots that were started here.
        last: the form as it was filled in last.
        texts: the form of each bot that was started here, by its `KnownBot.name`.
    """

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.words: dict[int, str] = {}
        self.folders: set[Path] = set()
        self.last = StartText(coin="")
        self.texts: dict[tuple[str, str, str], StartText] = {}

    def begin(self, order: StartOrder) -> Launch:
        """Start it; those that have ended are forgotten.

        Raises:
            OSError: it cannot be started.
            StateError: one like it is on its way, and writes what it has to say into the same file.
        """
        wanted = (order.symbol, order.mode, order.data_folder)
        for each in self.launches:
            same = (each.order.symbol, each.order.mode, each.order.data_folder) == wanted
            if same and each.code is None:
                pair, key = order.symbol.pair, key_of("screen_0")
                raise StateError(f"{pair} is starting already: {key} shows how far it is")
        launch = Launch(order)
        self.folders.add(order.data_folder)
        if order.text is not None:
            name = (order.symbol.id, order.mode, str(order.data_folder))
            self.texts[name] = order.text
        self.launches = [each for each in self.launches if each.code is None]
        self.launches.append(launch)
        return launch

    def arrived(self, launch: Launch) -> None:
        """It can be reached, so that it is no longer on its way."""
        self.launches = [each for each in self.launches if each is not launch]

    def forget_failed(self) -> bool:
        """Forget those that have ended; False if none has."""
        going = [each for each in self.launches if each.code is None]
        some = len(going) < len(self.launches)
        self.launches = going
        return some
