"""A series' span as a strip of cells: there, partly there, missing."""

from collections.abc import Sequence

from textual.content import Content

FULL, PARTIAL, MISSING = "█", "▒", "·"
_STYLES = {FULL: "$there", PARTIAL: "bold $warning", MISSING: "bold $error"}

LEGEND = Content.assemble(
    (FULL, _STYLES[FULL]),
    (" there  ", "$quiet"),
    (PARTIAL, _STYLES[PARTIAL]),
    (" partly  ", "$quiet"),
    (MISSING, _STYLES[MISSING]),
    (" missing", "$quiet"),
)


def strip(shares: Sequence[float]) -> Content:
    """A cell for each share (0 to 1) of the rows that are there; told apart without colours too."""
    cells = [FULL if share >= 1 else PARTIAL if share > 0 else MISSING for share in shares]
    return Content.assemble(*((cell, _STYLES[cell]) for cell in cells))
