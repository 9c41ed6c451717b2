"""The console of a paper exchange: an application of its own, over an exchange in its thread."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from exchange.paper.threaded import ThreadedExchange
from tui.folders import data_folder
from tui.guarded_app import GuardedApp
from tui.paper_feed import PaperFeed, PaperState, state_of
from tui.paper_serving import say_stopped
from tui.screens.paper import PaperScreen
from tui.theme import TOKENS
from tui.user_config import in_one_box, user_config, wear

if TYPE_CHECKING:
    from pathlib import Path

    from exchange.paper.server import PaperExchange
    from tui.paper_serving import Serving

_DRAINS_A_SECOND = 10
_RATE_OVER = 2 * _DRAINS_A_SECOND
_LOOKS_IF_IDLE = 5
"""Drains between two looks at an exchange on which nothing happens but time."""


def run_paper_app(serving: Serving, data_dir: Path | None = None) -> int:
    """Serve with a console on the terminal until it is stopped; returns the exit code, 0.

    `data_dir`: where the user's look and keys may lie, as those of the screens, and where the
    report of a defect goes.

    Raises:
        DataError: the port is taken.
        OSError: the ledger's file cannot be written.
    """
    with ThreadedExchange(serving.make, serving.port) as exchange:
        app = PaperApp(exchange, serving, data_dir)

        async def stay() -> None:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, app.exit)
            await app.run_async()

        asyncio.run(stay())
    say_stopped(app.feed)
    app.say_last_words()
    return app.return_code or 0


class PaperApp(GuardedApp):
    """The console."""

    TITLE = "gridtui paper"
    CSS_PATH = "paper.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self, exchange: ThreadedExchange, serving: Serving, data_dir: Path | None = None
    ) -> None:
        super().__init__(data_dir, "The paper exchange is stopped; bots and searches go on.")
        self._exchange = exchange
        self.feed = PaperFeed()
        self.feed.listen_to(exchange.exchange)
        self._seen: tuple[PaperState, int] | None = None
        self._posted = self._acted = 0
        self._served: deque[tuple[float, int]] = deque(maxlen=_RATE_OVER)
        self._asked = False
        self._drains = 0
        self._console = PaperScreen(exchange.url, serving, self._act)
        self._config = user_config(data_folder(data_dir))
        wear(self, self._config)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Own colours, for themes that do not bring them."""
        return TOKENS

    def get_default_screen(self) -> PaperScreen:
        """The only screen."""
        return self._console

    def on_mount(self) -> None:
        """Look at the exchange ten times a second."""
        if said := in_one_box(self._config.troubles):
            self.notify(said, severity="warning", timeout=15)
        self.set_interval(1 / _DRAINS_A_SECOND, self._drain)
        self._ask()

    def _ask(self) -> None:
        """Have the exchange's thread write down how it stands, and do not wait for it."""

        def look(exchange: PaperExchange) -> None:
            self._seen = state_of(exchange), self._acted
            self._asked = False

        if not self._asked:
            self._asked = True
            self._exchange.post(look)

    def _act(self, action: Callable[[PaperExchange], object]) -> None:
        """Do something to the exchange; states are told from those before it by its number."""
        self._posted += 1
        number = self._posted

        def act(exchange: PaperExchange) -> None:
            action(exchange)
            self._acted = number

        self._exchange.post(act)

    def _drain(self) -> None:
        self._served.append((time.monotonic(), self.feed.served))
        (since, before), (now, served) = self._served[0], self._served[-1]
        rate = (served - before) / (now - since) if now > since else 0.0
        self._drains += 1
        if self._seen is None:
            return
        state, acted = self._seen
        lines, is_current = self.feed.drain(), acted == self._posted
        self._console.show(state, lines, rate, self.feed.trades)
        if is_current:
            self._console.show_armed(state)
        if lines or not is_current or self._drains % _LOOKS_IF_IDLE == 0:
            self._ask()

    async def action_quit(self) -> None:
        """Textual's own ctrl+q comes before the console's: it asks as well."""
        self.action_stop()

    def action_stop(self) -> None:
        """Stop the exchange; ask first while clients are connected."""
        clients = self._seen[0].clients if self._seen else 0
        if not clients:
            self.exit()
            return
        if self.screen is not self._console:
            return
        from tui.screens.question import Question

        def answered(yes: bool | None) -> None:
            if yes:
                self.exit()

        text = f"Clients are connected ({clients}). Stopping the exchange cuts them off."
        self.push_screen(Question(text, yes="Stop", no="Go on"), answered)
