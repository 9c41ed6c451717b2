"""Bots that were started from the screens, until they can be reached."""

from __future__ import annotations

from pathlib import Path

from tui.bot.launch import Launch, StartOrder, StartText


class Starts:
    """What all screens know of bots on their way.

    Attributes:
        launches: started, and not reached yet, or never.
        words: what each has said last, by its process.
        folders: data folders of bots that were started here.
        last: the form as it was filled in last.
    """

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.words: dict[int, str] = {}
        self.folders: set[Path] = set()
        self.last = StartText(coin="")

    def begin(self, order: StartOrder) -> Launch:
        """Start it; those that have ended are forgotten. Raises OSError."""
        launch = Launch(order)
        self.folders.add(order.data_folder)
        self.launches = [each for each in self.launches if each.code is None]
        self.launches.append(launch)
        return launch

    def forget_failed(self) -> bool:
        """Forget those that have ended; False if none has."""
        going = [each for each in self.launches if each.code is None]
        some = len(going) < len(self.launches)
        self.launches = going
        return some
