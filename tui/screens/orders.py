"""The Orders screen: what rests at the exchange, every trade, and the audit of every request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.live.folders import state_folder
from engine.wording import count
from tui.bot.audit import Audit
from tui.bot.held import held_mark
from tui.bot.moments import moment
from tui.keys import bindings, key_of
from tui.screens.bot_screen import BotScreen
from tui.widgets.order_tables import VIEWS, Table, tables
from tui.widgets.prompt import Prompt
from tui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from tui.bot.recalled import Recalled
    from tui.bot.view import BotView

_OF_A_TABLE = ("next_view", "filter", "sort", "reverse", "details", "freeze")
_MANY = 1_000
_PAUSE_S = 0.5
"""Between two times that so many rows are sorted or searched."""


class OrdersScreen(BotScreen):
    """One table at a time."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["../bot.tcss", "../orders.tcss"]
    NUMBER = "4"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("bot"), *bindings("orders")]
    KEYS = "orders"
    KEY_PLACES = ("app", "bot", "replay", "orders", "list")

    def __init__(self, data_dir: Path | None) -> None:
        super().__init__(data_dir)
        self._tabs = Static(id="tables")
        self._rows = RowTable("rows")
        self._prompt = Prompt()
        self._audit = Audit()
        self._tables: dict[str, Table] = {}
        self._of: BotView | None = None
        self._view_name = VIEWS[0]
        self._words = dict.fromkeys(VIEWS, "")
        self._sorts: dict[str, tuple[int, bool]] = {}
        self._all: Sequence[Any] = ()
        self._seen: object = None
        self._said: object = None
        self._titles = (Content(), Content())
        self._looked_at = 0.0
        self._asked_for: str | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a bot there is no table to do anything with; `back` lets a held one go on."""
        needs = action in _OF_A_TABLE and self._of is None
        return not needs and action != "unfreeze" and super().check_action(action, parameters)

    def panels(self) -> Iterable[Widget]:
        """The names of the tables, the table, and a line to type in."""
        yield self._tabs
        yield self._rows
        yield self._prompt

    def show(self, view: BotView) -> None:
        """Draw what has changed."""
        if self._held is None:
            self._audit.take(view)
        if view is not self._of:
            self._of, self._tables, self._held = view, tables(view, self._audit), None
            self._asked_for = None
            self._furnish_table()
        self._look_on_disk(view)
        if self._held is None and not self._waits():
            kinds = self._table.kinds
            counts = [view.counts.get(kind) for kind in kinds]
            counts.append(view.recalled)
            seen = (self._view_name, view.price_digits, counts, view.link == "ended")
            if (seen, view.counts.get("snapshot")) != self._seen:
                self._seen = (seen, view.counts.get("snapshot"))
                self._all = self._table.rows()
                self._fill()
        self._entitle(view)

    def action_next_view(self) -> None:
        """The next table."""
        self._view_name = VIEWS[(VIEWS.index(self._view_name) + 1) % len(VIEWS)]
        self._held = None
        self._furnish_table()

    def action_filter(self) -> None:
        """Ask for a word."""
        word = self._words[self._view_name]
        self._prompt.ask("filter", "a word, or !word to hide it", word)

    def action_sort(self) -> None:
        """By the next column, the highest value first."""
        at, _ = self._sorting
        self._sorts[self._view_name] = ((at + 1) % len(self._table.fields), True)
        self._refill()

    def action_reverse(self) -> None:
        """The other way round."""
        at, falling = self._sorting
        self._sorts[self._view_name] = (at, not falling)
        self._refill()

    def action_details(self) -> None:
        """Everything about the chosen row."""
        row = self._rows.chosen
        if row is None or self._of is None:
            return
        from tui.screens.details import DetailsScreen
        from tui.widgets.order_details import details

        self.app.push_screen(DetailsScreen(*details(self._of, self._audit, row)))

    def hold(self) -> None:
        """Hold the table, or let it go on."""
        super().hold()
        self._seen = None

    def depart(self) -> None:
        """The table goes on."""
        super().depart()
        self._seen = None

    def _as_held(self, view: BotView) -> BotView:
        """The bot as it is: the table alone stands still, and its title says so."""
        return view

    def action_back(self) -> None:
        """Leave the line, show everything, go on."""
        if self._words[self._view_name] or self._prompt.is_open:
            self._words[self._view_name] = ""
            self._close_prompt()
            self._refill()
        elif self._held is not None:
            self.hold()

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        self._words[self._view_name] = event.text
        if event.done:
            self._close_prompt()
        self._refill()

    def _look_on_disk(self, view: BotView) -> None:
        """Once for each bot that is shown, also if it is gone: what it did before that is told."""
        bot = self._store.fleet.subject
        if bot is None or not view.about or bot.holder.started == self._asked_for:
            return
        self._asked_for = bot.holder.started
        folder = state_folder(Path(bot.holder.data_folder), bot.holder.mode)
        self._read(folder, bot.holder.symbol_id, view)

    @work(thread=True, exclusive=True, group="earlier rows", exit_on_error=False)
    def _read(self, folder: Path, symbol_id: str, view: BotView) -> None:
        from tui.bot.recalled import read_recalled

        earlier = read_recalled(folder, symbol_id, view.trades.maxlen, view.requests.maxlen)
        self.app.call_from_thread(self._put_before, earlier, view)

    def _put_before(self, earlier: Recalled, view: BotView) -> None:
        if view is self._of:
            view.recall(*earlier)

    @property
    def _table(self) -> Table:
        return self._tables[self._view_name]

    @property
    def _sorting(self) -> tuple[int, bool]:
        return self._sorts.get(self._view_name, (0, True))

    def _key_context(self) -> str:
        return "orders filter" if self._prompt.is_open else "orders"

    def _close_prompt(self) -> None:
        self._prompt.close()
        self.show_keys("orders")
        self._rows.focus()

    def _furnish_table(self) -> None:
        if self._tables:
            table = self._table
            self._rows.furnish(table.fields, table.cells, table.name)
            self._all = table.rows()
            self._refill()

    def _waits(self) -> bool:
        """Whether it is too early to sort or search many rows again."""
        view = self._of
        many = view is not None and len(view.trades) + len(view.requests) > _MANY
        costly = bool(self._words[self._view_name]) or self._sorting != (0, True)
        return many and costly and monotonic() - self._looked_at < _PAUSE_S

    def _refill(self) -> None:
        """The same rows in another order, or others of them; of a frozen display, too."""
        if self._of is not None:
            self._fill()
            self._entitle(self._of)

    def _fill(self) -> None:
        table, (at, falling) = self._table, self._sorting
        self._looked_at = monotonic()
        rows = table.matching(self._all, self._words[self._view_name])
        title = table.fields[at].title
        if (at, falling) != (0, True) or self._view_name == "resting":
            rows = table.ordered(rows, title, falling)
        self._rows.show(rows, (title, falling), self._nothing())

    def _nothing(self) -> str:
        """What stands where no row does."""
        if self._words[self._view_name]:
            return f"no row has it: {key_of('show_all')} shows all"
        awaited = "the bot is starting" if self._of is None else self._of.awaited
        return f"nothing is known yet: {awaited}" if awaited else self._table.empty

    def _entitle(self, view: BotView) -> None:
        """The tabs, and the title, which says what is left out, and what is new while held."""
        self.show_keys(self._key_context())
        asked = (self._view_name, self._words[self._view_name], self._held is None)
        ended = view.link == "ended"
        state = (id(view), dict(view.counts), view.recalled, asked, self._rows.row_count, ended)
        if state == self._said:
            return
        self._said = state
        numbers = {
            "resting": len(view.resting),
            "trades": len(view.trades),
            "audit": len(self._audit.requests),
        }
        parts: list[str | tuple[str, str]] = []
        for name in VIEWS:
            words = f"{name} {count(numbers[name])}"
            shown = name == self._view_name
            parts += [(f"[{words}]", "bold $primary") if shown else (f" {words} ", "$quiet"), " "]
        tabs = Content.assemble(" ", *parts, (f"{key_of('table')} view", "$quiet"))
        titles = (tabs, self._title(view))
        if not all(map(Content.is_same, titles, self._titles)):
            self._titles = titles
            self._tabs.update(tabs, layout=False)
            self._rows.border_title = titles[1]

    def _title(self, view: BotView) -> Content:
        word = self._words[self._view_name]
        some = f"  {count(self._rows.row_count)} with /{word}" if word else ""
        parts: list[str | tuple[str, str]] = [f"{self._table.title}{some}"]
        if view.link == "ended" and self._view_name == "resting":
            parts.append((f"  as of {moment(view, view.now_ms)}", "$warning"))
        bounded = {"trades": view.trades, "audit": view.requests}.get(self._view_name)
        if bounded is not None and len(bounded) == bounded.maxlen:
            more = "; a replay has more" if view.replay is None else ""
            parts.append((f"  the newest{more}", "$quiet"))
        if self._held is not None:
            parts += ["  ", held_mark(f" +{count(self._held.new(self._table.kinds))}")]
        return Content.assemble(*parts)
