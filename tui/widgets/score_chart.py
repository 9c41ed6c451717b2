"""The scores of a study's trials: each one a dot, the best so far a line, the newest marked."""

from __future__ import annotations

from tui.optimizer_store import StudyKey, StudyView
from tui.widgets.chart import Curve
from tui.widgets.marked_chart import Mark, MarkedChart

BEST, NEWEST, LOWER = "●", "○", "▾"
_LOWEST_SHARE = 0.1


class ScoreChart(MarkedChart):
    """From trial to trial. The lowest tenth stands at the lower edge, as signs that say so: on
    the scale, what went badly wrong would press all that matters into one line."""

    def __init__(self) -> None:
        super().__init__("scores")
        self._shown: tuple[StudyKey, int, int] | None = None

    def show(self, view: StudyView) -> None:
        """The trials as they are now; with fewer than two there is nothing to draw."""
        self.display = len(view.scores) > 1
        if not self.display:
            return
        import numpy as np

        numbers, scores, best = view.numbers, view.scores, view.best_so_far
        first, last = int(numbers[0]), int(numbers[-1])
        if (shown := (view.row.key, last, len(scores))) == self._shown:
            return
        self._shown = shown
        floor = min(float(np.quantile(scores, _LOWEST_SHARE)), float(best[0]))
        below = scores < floor
        newest = LOWER if below[-1] else NEWEST
        seen = np.maximum(scores, floor)
        place = int(np.argmax(scores))

        def share(number: int) -> float:
            return (number - first) / (last - first)

        self.legend = [
            (f"{BEST} best", "curve"),
            (f"{NEWEST} newest", "curve-other"),
            (_lower(int(below.sum())), "quiet"),
        ]
        dots = Curve(numbers, seen, "curve-price", newest, joined=False)
        self.plot([dots, Curve(numbers, best, mark=BEST)], (first, last))
        self.mark(
            [
                *(Mark(share(int(one)), floor, LOWER, "quiet") for one in numbers[below]),
                Mark(1.0, float(seen[-1]), newest, "curve-other", order=1),
                Mark(share(int(numbers[place])), float(scores[place]), BEST, "curve", order=2),
            ]
        )


def _lower(trials: int) -> str:
    """`▾ 30 lower`: how many stand below the scale, in ten cells."""
    if not trials:
        return ""
    gap = " " if trials < 100 else ""
    return f"{LOWER}{gap}{trials} lower" if trials < 1000 else f"{LOWER}{trials:,} low"
