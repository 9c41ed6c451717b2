"""What went wrong or well, in the few lines that a form or a screen has for it."""

from __future__ import annotations

from textual.content import Content
from textual.errors import NoWidget
from textual.notifications import SeverityLevel
from textual.widgets import Static

_WHOLE_S = 20.0


class MessageLine(Static):
    """As many lines as there is room for. A message that they cut stands in a notice, too, whole:
    what can be done about a trouble is at its end."""

    _message = ""
    _severity: SeverityLevel = "information"
    _told = ""

    def say(self, message: str, *, error: bool = False) -> None:
        """An error begins with `!`; "": nothing."""
        self._message, self._severity = message, "error" if error else "information"
        if not message:
            self._told = ""
        self.set_class(error, "-error")
        self.update(Content(f"! {message}" if error and message else message))
        self.call_after_refresh(self._tell_whole)

    def on_resize(self) -> None:
        """There may be less room than before."""
        self.call_after_refresh(self._tell_whole)

    def _tell_whole(self) -> None:
        if not self._message or self._message == self._told or not self.is_cut:
            return
        self._told = self._message
        self.app.notify(self._message, severity=self._severity, timeout=_WHOLE_S, markup=False)

    @property
    def is_cut(self) -> bool:
        """Whether a part of the message cannot be seen."""
        if not self.is_attached or not self.display or not self.screen.is_current:
            return False
        width = self.scrollable_content_region.width
        needed = self.get_content_height(self.container_size, self.app.size, width)
        try:
            return needed > self.screen.find_widget(self).visible_region.height
        except NoWidget:
            return False
