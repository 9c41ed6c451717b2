"""The screens by their number, which never changes; each is made when it is first opened."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.screens.frame import FramedScreen

LIVE, BACKTEST, BOTS = "1", "6", "0"
"""Numbers of screens that others lead to."""


@dataclass(frozen=True, slots=True)
class ScreenName:
    """A screen that the line of names shows. `place`: module and class, apart by a colon."""

    number: str
    name: str
    place: str
    meaning: str

    def make(self, data_dir: Path | None) -> FramedScreen:
        """The screen; its module is imported now."""
        module, _, kind = self.place.partition(":")
        screen: FramedScreen = getattr(import_module(module), kind)(data_dir)
        return screen


SCREENS = (
    ScreenName("1", "Live", "tui.screens.live:LiveScreen", "positions, equity, health of a bot"),
    ScreenName("2", "Grid", "tui.screens.grid:GridScreen", "orders, lots, stops by their price"),
    ScreenName("3", "Equity", "tui.screens.equity:EquityScreen", "equity, drawdown, price, trades"),
    ScreenName("4", "Orders", "tui.screens.orders:OrdersScreen", "orders, trades, every request"),
    ScreenName("5", "Logs", "tui.screens.logs:LogsScreen", "what the bot says"),
    ScreenName("6", "Backtest", "tui.screens.backtest:BacktestScreen", "run and compare backtests"),
    ScreenName(
        "7",
        "Optimizer",
        "tui.screens.optimizer:OptimizerScreen",
        "parameters that hold",
    ),
    ScreenName("8", "Data", "tui.screens.data:DataScreen", "candles and funding on this disk"),
    ScreenName("9", "Config", "tui.screens.config:ConfigScreen", "parameters and profiles"),
    ScreenName("0", "Bots", "tui.screens.bots:BotsScreen", "every bot on this machine"),
)
