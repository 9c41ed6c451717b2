"""In which market the bars of each column were: how much up-trend, how much down-trend."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.chart import NAME_WIDTH, SCALE_WIDTH

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_TOKENS = ("quiet", "trend-up", "trend-down", "breakout-up", "breakout-down")


class RegimeBand(Widget):
    """Two rows aligned with the charts above: the higher a block, the more bars were in it.

    The column with the longest trend is full height, so that months of noise do not hide it.
    Breakouts are brighter where they outweigh the quiet trend; shares of all bars stand at the
    right.
    """

    def __init__(self) -> None:
        super().__init__()
        self._time: npt.NDArray[np.int64] | None = None
        self._regime: npt.NDArray[np.int64] | None = None
        self._span = (0, 1)
        self._strips: list[Strip] = []
        self._made_for: object = None  # None: to be drawn anew

    def show(
        self,
        time: npt.NDArray[np.int64],
        regime: npt.NDArray[np.int64],
        span_ms: tuple[int, int],
    ) -> None:
        """Regime codes -2 to 2, one a bar."""
        self._time, self._regime, self._span = time, regime, span_ms
        self._made_for = None
        self.refresh()

    def notify_style_update(self) -> None:
        """It is drawn in the styles as they are now."""
        super().notify_style_update()
        self._made_for = None

    def render_line(self, y: int) -> Strip:
        """`up` above, `down` below; both are drawn once for a size and a theme."""
        made_for = (self.size, self.app.theme)
        if self._made_for != made_for:
            self._strips = self._picture(self.size.width)
            self._made_for = made_for
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _picture(self, width: int) -> list[Strip]:
        columns = width - NAME_WIDTH - SCALE_WIDTH
        if self._time is None or self._regime is None or columns < 4:
            return []
        # numpy costs 0.1 s, so it waits for the first result
        from tui.series import regime_shares

        shares = regime_shares(self._time, self._regime, *self._span, columns)
        most = max(_most(shares.up), _most(shares.down))
        strips, styles = [], self._styles()
        for name, trend, breakout, total in (
            ("up", shares.up, shares.breakout_up, (self._regime > 0).mean()),
            ("down", shares.down, shares.breakout_down, (self._regime < 0).mean()),
        ):
            cells = [
                (
                    f"breakout-{name}" if 2 * broken > there else f"trend-{name}",
                    _block(there / most),
                )
                for there, broken in zip(trend.tolist(), breakout.tolist(), strict=True)
            ]
            parts = [("quiet", f"{f'{name}trend':<{NAME_WIDTH}}")]
            for token, same in groupby(cells, key=lambda cell: cell[0]):
                parts.append((token, "".join(block for _, block in same)))
            parts.append(("quiet", f"{total:>{SCALE_WIDTH}.0%}"))
            strips.append(Strip([Segment(text, styles[token]) for token, text in parts]))
        return strips

    def _styles(self) -> dict[str, Style]:
        base, colours = self.rich_style, self.app.theme_variables
        return {token: base + Style(color=colours[token]) for token in _TOKENS}


def _most(shares: npt.NDArray[np.float64]) -> float:
    return max((there for there in shares.tolist() if there > 0.0), default=1.0)


def _block(height: float) -> str:
    """Any trend at all shows; a column without bars is empty."""
    return _EIGHTHS[max(1, round(8 * height))] if height > 0.0 else " "
