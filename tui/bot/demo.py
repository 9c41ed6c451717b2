"""A bot to look at: on paper, on the simulated market, in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

from state.control_client import RefusedError, ask
from state.errors import StateError
from tui.bot.launch import Launch, StartOrder, StartText
from tui.bots import RunningBot, bots
from tui.folders import data_folder, demo_folder

SPEED = "900"
"""A candle a second: something is filled within a minute."""

_COINS = ("BTC", "ETH", "SOL", "BNB", "XRP")
_PATIENCE_S = 30.0


class Demo:
    """The demonstration under way; one that runs already is gone on with.

    Args:
        data_dir: of the application; the bot's files lie in `demo` there.

    Raises:
        StateError: bots on paper trade every coin that it would take.
        OSError: it cannot be started.
    """

    def __init__(self, data_dir: Path | None) -> None:
        folder = demo_folder(data_folder(data_dir))
        on_paper = {bot.holder.symbol_id: bot for bot in bots(mode="paper")}
        ours = [bot for bot in on_paper.values() if Path(bot.holder.data_folder) == folder]
        self._bot = ours[0] if ours else None
        self.launch: Launch | None = None
        if self._bot is None:
            free = [coin for coin in _COINS if f"{coin}USDT" not in on_paper]
            if not free:
                raise StateError(
                    f"bots on paper trade {', '.join(_COINS)} already: gridtui shows them"
                )
            text = StartText(free[0], speed=SPEED, source="sim")
            self.launch = Launch(StartOrder.checked(text, folder))

    def found(self) -> RunningBot | None:
        """The bot, once it can be reached. Looks at files."""
        if self._bot is None and self.launch is not None:
            self._bot = self.launch.found()
        return self._bot

    @property
    def failed(self) -> bool:
        """Whether it ended before it could be reached."""
        return self._bot is None and self.launch is not None and self.launch.code is not None

    @property
    def bot(self) -> RunningBot | None:
        """The bot, where it is known by now."""
        return self._bot

    @property
    def runs(self) -> bool:
        """Whether it still does, and not another one in its place. Looks at files."""
        if self.launch is not None:
            return self.launch.code is None
        return self._bot is not None and self._bot in bots()

    @property
    def goes_on(self) -> str:
        """What is said when it is left running."""
        bot = self.found()
        name = "" if bot is None else f" {bot.holder.symbol_id.removesuffix('USDT')} --mode paper"
        return f"The demo bot goes on: gridtui shows it, gridtui stop{name} ends it."

    def stop(self) -> str:
        """End it, and wait for that; a sentence, whatever came of it. Another bot in its place,
        which the user has begun meanwhile, goes on."""
        bot = self.found()
        if bot is None:
            if self.launch is not None and self.launch.code is None:
                self.launch.end()
            return "The demo bot has ended."
        if bot not in bots():
            return "The demo bot has ended."
        try:
            ask(bot.socket, "stop", origin="gridtui demo", timeout_s=_PATIENCE_S)
        except (RefusedError, StateError) as error:
            return f"The demo bot: {error}." if self.runs else "The demo bot has ended."
        deadline = monotonic() + _PATIENCE_S
        while monotonic() < deadline and bot in bots():
            sleep(0.05)  # it has answered, and still closes its files
        return "The demo bot has ended."
