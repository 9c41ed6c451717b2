"""Which part of a run's time is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.timeframe import DAY_MS

USUAL_DAYS = (1, 7, 30, None)
"""Windows that a key goes through; None is everything."""

_LEAST_BARS = 8


@dataclass(slots=True)
class TimeWindow:
    """`length_ms` None: everything; `end_ms` None: it ends with the newest bar, whatever comes."""

    length_ms: int | None = 7 * DAY_MS
    end_ms: int | None = None

    def span(self, first_ms: int, last_ms: int) -> tuple[int, int]:
        """Its part of what there is."""
        if self.length_ms is None:
            return first_ms, last_ms
        end = last_ms if self.end_ms is None else min(self.end_ms, last_ms)
        start = max(first_ms, end - self.length_ms)
        return start, max(end, min(last_ms, start + 1))

    def next_usual(self) -> None:
        """The next of the usual windows, ending now."""
        usual = [None if days is None else days * DAY_MS for days in USUAL_DAYS]
        at = usual.index(self.length_ms) if self.length_ms in usual else -1
        self.length_ms, self.end_ms = usual[(at + 1) % len(usual)], None

    def zoom(
        self, step: int, first_ms: int, last_ms: int, bar_ms: int, around_ms: int | None
    ) -> None:
        """Twice as long (1), or half (-1): around a moment, else up to where it ends."""
        start, end = self.span(first_ms, last_ms)
        length = max(_LEAST_BARS * bar_ms, round((end - start) * 2.0**step))
        if length >= last_ms - first_ms:
            self.length_ms, self.end_ms = None, None
            return
        if around_ms is not None and step < 0:
            share = (around_ms - start) / max(1, end - start)
            end = around_ms + round((1 - share) * length)
        self.length_ms = length
        self.end_ms = None if end >= last_ms else max(end, first_ms + length)

    def pan(self, step: int, first_ms: int, last_ms: int) -> None:
        """Half a window earlier (-1) or later (1), within what there is."""
        if self.length_ms is None:
            return
        start, end = self.span(first_ms, last_ms)
        end = max(end + step * (end - start) // 2, first_ms + self.length_ms)
        self.end_ms = None if end >= last_ms else end

    def words(self, first_ms: int, last_ms: int) -> str:
        """`7 days`, `5 h of everything`, ..."""
        start, end = self.span(first_ms, last_ms)
        hours = (end - start) / 3_600_000
        long = f"{hours / 24:.3g} days" if hours >= 48 else f"{hours:.3g} h"
        if self.length_ms is None:
            return f"everything, {long}"
        days = self.length_ms / DAY_MS
        if end - start < self.length_ms:
            return f"{long} of {days:.3g} days"
        return "1 day" if days == 1 else long
