"""One series: where it is from, its gaps on a map and in words, what a check has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from engine.wording import count, plural
from exchange.span import moment_text
from tui.backtest_line import backtest_line
from tui.figures import day, size, whole_share
from tui.keys import key_of
from tui.widgets.gap_strip import LEGEND, strip

if TYPE_CHECKING:
    from exchange.holdings import Gap, Holding
    from exchange.inspection import Finding

_MOST_GAPS = 500
_SCROLLBAR = 1


class HoldingDetails(VerticalScroll, can_focus=True):
    """A page about the chosen series."""

    def __init__(self) -> None:
        super().__init__(Static(), id="details")
        self._shown: tuple[Holding | None, Sequence[Finding] | None] = (None, None)

    def show(self, holding: Holding | None, findings: Sequence[Finding] | None) -> None:
        """A series, and what its check found (None: not checked)."""
        if (holding, findings) == self._shown:
            return
        other = holding is None or self._shown[0] is None or holding.series != self._shown[0].series
        self._shown = (holding, findings)
        self._lay()
        if other:
            self.scroll_home(animate=False)

    def on_resize(self, _: Resize) -> None:
        """The map is as wide as the page."""
        self._lay()

    def _lay(self) -> None:
        holding, findings = self._shown
        width = self.content_size.width - _SCROLLBAR
        if holding is None:
            self.border_title = "no series is chosen"
            self.query_one(Static).update("")
        elif width > 0:
            made_up = Content.styled(" SIMULATED ", "reverse bold $simulated")
            name = str(holding.series).removesuffix(" SIMULATED")
            title = Content.styled(name, "bold")
            self.border_title = (
                Content.assemble(made_up, " ", title) if holding.series.simulated else title
            )
            page = Content("\n").join(_page(holding, findings, width))
            self.query_one(Static).update(page)


def _page(holding: Holding, findings: Sequence[Finding] | None, width: int) -> list[Content]:
    from exchange.holdings import gap_map  # with a listing, numpy is loaded already

    span = holding.span
    from_to = f"{moment_text(span.start_ms)} up to {moment_text(span.end_ms)}".replace(" UTC", "")
    files = f"{plural(len(holding.paths), 'file')}, {size(holding.size_bytes)}"
    rows = f"{plural(holding.rows, 'row')}, {whole_share(holding.completeness)}"
    facts = (
        f"{holding.origin}; {files}",
        f"{from_to} UTC; {rows}",
    )
    lines = [line for fact in facts for line in Content(fact).wrap(width)]
    lines += [Content(""), strip(gap_map(holding, width)), _axis(holding, width), Content("")]
    lines += _gaps(holding)
    lines += [
        Content.styled(f"! {path.name} cannot be read and does not count", "bold $error")
        for path in holding.damaged
    ]
    lines += [Content(""), *_findings(findings), Content("")]
    return [*lines, *Content.styled(_use(holding), "$quiet").wrap(width)]


def _axis(holding: Holding, width: int) -> Content:
    """First and last day below the ends of the map, what its signs mean between them."""
    first, last = day(holding.span.start_ms), day(holding.span.end_ms - 1)
    room = width - len(first) - len(last) - LEGEND.cell_length
    if room < 4:
        return LEGEND
    left = room // 2
    return Content.assemble(
        (first + " " * left, "$quiet"), LEGEND, (" " * (room - left) + last, "$quiet")
    )


def _use(holding: Holding) -> str:
    """How a backtest gets at it."""
    series = holding.series
    if series.timeframe is None:
        whose = "of candles of the same server" if series.server else "on Binance's data"
        return f"used by every backtest of the coin {whose} or on this disk's"
    return f"to use it: {backtest_line(series, holding.span)}"


def _gaps(holding: Holding) -> list[Content]:
    if not holding.gaps:
        return [Content.styled("no gaps" if holding.rows else "nothing can be read", "$quiet")]
    missing, what = holding.missing, "settlements"
    if holding.series.timeframe is not None:
        missing, what = missing * holding.series.step_ms // 60_000, "minutes"
    head = f"{plural(len(holding.gaps), 'gap')}, {count(missing)} missing {what}"
    lines = [Content.styled(head, "bold $warning")]
    digits = max(len(count(gap.bars)) for gap in holding.gaps)
    series = holding.series
    fetch = f"{key_of('fetch')} may fill it"
    unknown = fetch if series.is_binances else "not in what was imported"
    none = f"{'the server' if series.server else 'Binance'} has none"
    lines += [
        _gap(gap, series.step_ms, digits, none if gap.outage else unknown)
        for gap in holding.gaps[:_MOST_GAPS]
    ]
    if more := len(holding.gaps) - _MOST_GAPS:
        lines += [Content.styled(f"  and {count(more)} more", "$quiet")] if more > 0 else []
    return lines


def _gap(gap: Gap, step_ms: int, digits: int, why: str) -> Content:
    end = gap.start_ms + gap.bars * step_ms
    span = f"{moment_text(gap.start_ms)} up to {moment_text(end)}".replace(" UTC", "")
    return Content.assemble(
        (f"  {span}", "$foreground"), (f"  {count(gap.bars):>{digits}}  ", "bold"), (why, "$quiet")
    )


def _findings(findings: Sequence[Finding] | None) -> list[Content]:
    if findings is None:
        key = (key_of("check"), "bold $primary")
        return [Content.assemble(("not checked: ", "$quiet"), key, (" reads every row", "$quiet"))]
    others = [finding for finding in findings if finding.kind != "gap"]
    if not others:
        return [Content.styled("checked: every row is sound", "$success")]
    lines = [Content.styled(f"checked: {count(len(others))} to look at", "bold $warning")]
    for finding in others:
        mark, style = ("! ", "bold $error") if finding.wrong else ("  ", "$foreground")
        lines.append(Content.styled(f"{mark}{finding.text}", style))
    return lines
