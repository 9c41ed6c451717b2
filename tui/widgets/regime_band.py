"""In which market the bars of each column were: how much up-trend, how much down-trend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from tui.widgets.chart import NAME_WIDTH, SCALE_WIDTH

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_EIGHTHS = " ▁▂▃▄▅▆▇█"


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

    def show(
        self,
        time: npt.NDArray[np.int64],
        regime: npt.NDArray[np.int64],
        span_ms: tuple[int, int],
    ) -> None:
        """Regime codes -2 to 2, one a bar."""
        self._time, self._regime, self._span = time, regime, span_ms
        self.refresh()

    def render(self) -> Text:
        """`up` above, `down` below."""
        columns = self.size.width - NAME_WIDTH - SCALE_WIDTH
        if self._time is None or self._regime is None or columns < 4:
            return Text()
        # numpy costs 0.1 s, so it waits for the first result
        from tui.series import regime_shares

        shares = regime_shares(self._time, self._regime, *self._span, columns)
        most = max(_most(shares.up), _most(shares.down))
        picture = Text(no_wrap=True, end="")
        for name, trend, breakout, total in (
            ("up", shares.up, shares.breakout_up, (self._regime > 0).mean()),
            ("down", shares.down, shares.breakout_down, (self._regime < 0).mean()),
        ):
            if name == "down":
                picture.append("\n")
            picture.append(f"{f'{name}trend':<{NAME_WIDTH}}", self._colour("quiet"))
            for there, broken in zip(trend.tolist(), breakout.tolist(), strict=True):
                kind = "breakout" if 2 * broken > there else "trend"
                picture.append(_block(there / most), self._colour(f"{kind}-{name}"))
            picture.append(f"{total:>{SCALE_WIDTH}.0%}", self._colour("quiet"))
        return picture

    def _colour(self, token: str) -> str:
        return self.app.theme_variables[token]


def _most(shares: npt.NDArray[np.float64]) -> float:
    return max((there for there in shares.tolist() if there > 0.0), default=1.0)


def _block(height: float) -> str:
    """Any trend at all shows; a column without bars is empty."""
    return _EIGHTHS[max(1, round(8 * height))] if height > 0.0 else " "
