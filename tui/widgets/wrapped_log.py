"""A log without an edge: what is too long goes on in the next line."""

from collections import deque
from collections.abc import Iterable
from textwrap import wrap

from textual.events import Resize
from textual.widgets import Log

_INDENT = " " * 4


class WrappedLog(Log):
    """Keeps its texts, and lays them anew when its width changes."""

    # a scrollbar that came and went with the lines would change the width, and so the lines
    DEFAULT_CSS = """
    WrappedLog {
        overflow-y: scroll;
    }
    """

    def __init__(self, most: int, *, id: str) -> None:  # noqa: A002 (Textual's name)
        super().__init__(max_lines=most, id=id)
        self._texts: deque[str] = deque(maxlen=most)
        self._room = 0

    def add(self, texts: Iterable[str]) -> None:
        """More texts, each of one line."""
        new = list(texts)
        self._texts.extend(new)
        self._lay(new)

    def on_resize(self, _: Resize) -> None:
        """Another width has other lines."""
        width = self.scrollable_content_region.width
        if width != self._room:
            self._room = width
            self.clear()
            self._lay(self._texts)

    def _lay(self, texts: Iterable[str]) -> None:
        if self._room > len(_INDENT):
            self.write_lines(line for text in texts for line in self._wrapped(text))

    def _wrapped(self, text: str) -> list[str]:
        if len(text) <= self._room:
            return [text]
        return wrap(text, self._room, subsequent_indent=_INDENT, break_on_hyphens=False)
