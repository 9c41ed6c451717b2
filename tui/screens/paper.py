"""The console of a paper exchange: how it stands, what it is asked, and its faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static

from engine.wording import amount, plural
from exchange.paper.fault_menu import MEANINGS, MENU
from tui.figures import tone
from tui.keys import PAPER_PLACES, bindings
from tui.paper_feed import Line, PaperState
from tui.paper_serving import ccxt_lines
from tui.screens.sizes import SMALLEST, too_small_words
from tui.widgets.footer import KeyLine
from tui.widgets.wrapped_log import WrappedLog

if TYPE_CHECKING:
    from exchange.paper.faults import Fault
    from exchange.paper.server import PaperExchange
    from tui.paper_serving import Serving

_LINES_KEPT = 1_000
_NAME = 19
_ORDER = "POST /fapi/v1/order"
_UNTIL_TAKEN_BACK = float("inf")
_OF_REQUESTS = ("latency", "timeout", "drop", "http", "code")
_WHEN: tuple[tuple[str, dict[str, object]], ...] = (
    ("next request", {}),
    ("next order", {"endpoint": _ORDER}),
    ("30 s", {"for_seconds": 30.0}),
    ("until taken back", {"for_seconds": _UNTIL_TAKEN_BACK}),
)


class _Menu(OptionList):
    def on_resize(self) -> None:
        """A long meaning takes room from the list: what it is of stays in sight."""
        self.scroll_to_highlight()


class PaperScreen(Screen[None]):
    """Made with the address, what is served, and the way to do something to the exchange."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("paper")
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (SMALLEST[0], "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (SMALLEST[1], "-short"), (34, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        url: str,
        serving: Serving,
        post: Callable[[Callable[[PaperExchange], object]], None],
    ) -> None:
        super().__init__()
        self._url = url
        self._serving = serving
        self._post = post
        self._top = Static(id="status")
        self._second = Static(id="second")
        self._account = Static(id="account")
        self._faults = Vertical(id="faults")
        self._menu = _Menu(id="menu")
        self._meaning = Static(id="meaning")
        self._log = WrappedLog(_LINES_KEPT, id="log")
        self._when = 0
        self._armed: dict[str, Fault] = {}
        self._shown: dict[Static, Content] = {}

    def compose(self) -> ComposeResult:
        """Two lines on top, account and faults side by side, the log below."""
        yield self._top
        yield self._second
        with Vertical(id="body"):
            with Horizontal(id="upper"):
                yield self._account
                with self._faults:
                    yield self._menu
                    yield self._meaning
            yield self._log
        yield KeyLine("paper")
        yield Static(too_small_words(), id="too-small")

    def on_mount(self) -> None:
        """The faults have the focus."""
        self._menu.add_options(self._row(name) for name in MENU)
        self._menu.highlighted = 0
        self._menu.focus()
        self._account.border_title = "account"
        self._log.border_title = "requests, trades, faults"
        key, secret = (text for label, text in self._serving.about if label in ("key", "secret"))
        self._log.add(
            [
                f"ccxt.binanceusdm: key {key}, secret {secret}, and",
                *ccxt_lines(self._url),
                *(  # the coins are in the line on top
                    f"{label}: {text}"
                    for label, text in self._serving.about[2:]
                    if label != "coins"
                ),
            ]
        )
        self._name_faults()

    def show(self, state: PaperState, lines: Sequence[Line], rate: float, trades: int) -> None:
        """How the exchange stands, and what has happened since the last call."""
        self._put(self._top, self._status(state))
        self._put(self._second, self._counts(state, rate, trades))
        self._put(self._account, _account(state))
        if lines:
            self._log.add(line.written(with_date=False) for line in lines)

    def show_armed(self, state: PaperState) -> None:
        """Mark which faults are armed; `state` is later than the last change from here."""
        there = {id(fault) for fault in state.armed}
        over = [name for name, fault in self._armed.items() if id(fault) not in there]
        for name in over:
            del self._armed[name]
        if over:
            self._name_faults(*over)
        others = len(state.armed) - len(self._armed)
        subtitle = f"{len(state.armed)} armed" + (f", {others} of the file" if others else "")
        subtitle = subtitle if state.armed else ""
        if self._faults.border_subtitle != subtitle:  # else it would be redrawn
            self._faults.border_subtitle = subtitle

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Say what the fault does."""
        self._meaning.update(MEANINGS[list(MENU)[event.option_index]])

    def on_option_list_option_selected(self, _: OptionList.OptionSelected) -> None:
        """Enter on the list."""
        self.action_arm()

    def action_arm(self) -> None:
        """Arm the fault under the cursor; if it is armed, take it back."""
        index = self._menu.highlighted
        if index is None:
            return
        name = list(MENU)[index]
        armed = self._armed.pop(name, None)
        if armed:
            self._post(lambda exchange: exchange.faults.remove(armed))
        else:
            fault = self._fault(name)
            self._armed[name] = fault
            self._post(lambda exchange: exchange.faults.add(fault))
        self._name_faults(name)

    def action_when(self, step: int) -> None:
        """How long a fault that is armed now will be."""
        self._when = (self._when + step) % len(_WHEN)
        self._name_faults()

    def action_disarm(self) -> None:
        """Behave from now on."""
        self._armed.clear()
        self._post(lambda exchange: exchange.faults.clear())
        self._name_faults(*MENU)

    def action_help(self) -> None:
        """The keys of this console."""
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(PAPER_PLACES))

    def _fault(self, name: str) -> Fault:
        fault = MENU[name]
        label, change = _WHEN[self._when]
        if label == "next order" and fault.what not in _OF_REQUESTS:
            change = {}
        return fault.model_copy(update=change)

    def _name_faults(self, *names: str) -> None:
        """Title, and the rows of `names` anew."""
        self._faults.border_title = f"faults for: {_WHEN[self._when][0]}"
        for name in names:
            self._menu.replace_option_prompt_at_index(list(MENU).index(name), self._row(name))

    def _row(self, name: str) -> Content:
        armed = name in self._armed
        return Content.assemble(
            ("* " if armed else "  ", "bold $error"),
            (f"{name:<{_NAME}} ", "bold" if armed else ""),
            (MEANINGS[name], "$quiet"),
        )

    def _status(self, state: PaperState) -> Content:
        moment = datetime.fromtimestamp(state.time_ms / 1000, UTC)
        clock = f"{moment:%Y-%m-%d %H:%M:%S}Z x{self._serving.speed:g}"
        prices = "  ".join(f"{symbol} {price:,}" for symbol, price in state.prices)
        source = "SIMULATED" if self._serving.offer.simulated else "recorded"
        left = Content.assemble(
            (" PAPER ", "reverse bold $mode-paper"),
            "  ",
            (source, "bold $simulated" if self._serving.offer.simulated else "$quiet"),
            ("  THE TAPE HAS ENDED" if state.ended else "", "bold $error"),
            "  ",
            (prices, "bold"),
        )
        room = max(self.app.size.width - len(clock) - 2, 0)
        left = left.truncate(room, ellipsis=True, pad=True)
        return Content.assemble(left, " ", (clock, "$quiet"))

    def _counts(self, state: PaperState, rate: float, trades: int) -> Content:
        counts = (
            f"{rate:.1f} requests/s",
            plural(state.order_count + state.stop_count, "order"),
            plural(trades, "trade"),
            plural(state.clients, "connection"),
        )
        return Content.assemble(
            (f" {self._url}", "bold $primary"), ("  " + "  ".join(counts), "$foreground")
        )

    def _put(self, where: Static, content: Content) -> None:
        if self._shown.get(where) != content:
            self._shown[where] = content
            where.update(content)


def _account(state: PaperState) -> Content:
    """Money, positions and open orders, as many as there is room for."""
    equity = float(state.wallet + state.profit)
    lines = [
        Content.assemble(
            ("wallet ", "$quiet"),
            f"{amount(float(state.wallet))}  ",
            ("equity ", "$quiet"),
            (amount(equity), "bold"),
        )
    ]
    for held in state.positions:
        profit = float(held.profit)
        lines.append(
            Content.assemble(
                f"{_coin(held.symbol, state)}{held.side} {held.amount} at "
                f"{float(held.entry):,.8g}  ",
                (amount(profit, signed=True), tone(profit)),
            )
        )
    if not state.positions:
        lines.append(Content.styled("no position", "$quiet"))
    count = state.order_count + state.stop_count
    lines.append(Content.styled(plural(count, "open order") if count else "no order", "$quiet"))
    lines += [Content(_coin(symbol, state) + text) for symbol, text in state.orders]
    return Content("\n").join(lines)


def _coin(symbol: str, state: PaperState) -> str:
    """The coin's name, where there are several."""
    return f"{symbol.removesuffix('USDT')} " if len(state.prices) > 1 else ""
