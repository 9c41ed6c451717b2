"""The style sheet, read once: Textual reads all of it anew, twice or thrice, as a screen opens."""

from textual.cache import LRUCache
from textual.css.stylesheet import Stylesheet

_MOST_SOURCES = 512


class Styles(Stylesheet):
    """Files are read anew where the theme's colours are other ones; else only what was added is."""

    def __init__(self, *, variables: dict[str, str] | None = None) -> None:
        super().__init__(variables=variables)
        # Textual remembers 64, fewer than there are kinds of widgets here: it would forget each
        # before it comes to it again
        self._parse_cache = LRUCache(_MOST_SOURCES)
        self._stale = True

    def set_variables(self, variables: dict[str, str]) -> None:
        """Other colours, if they are."""
        if variables != self._variables:
            self._stale = True
            super().set_variables(variables)

    def reparse(self) -> None:
        """Read all of it anew, if that makes a difference; what was added is read when needed."""
        if self._stale:
            super().reparse()
            self._stale = False
