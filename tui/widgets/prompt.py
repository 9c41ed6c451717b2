"""A line at the bottom in which a word is typed; away while nothing is asked."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import Input


class Prompt(Input):
    """Asks one thing at a time; what it is for is the first word on its line."""

    class Typed(Message):
        """Its text has changed, or (`done`) was confirmed; `about`: what was asked for."""

        def __init__(self, about: str, text: str, done: bool) -> None:
            super().__init__()
            self.about, self.text, self.done = about, text, done

    DEFAULT_CSS = """
    Prompt { display: none; height: 1; width: 100%; border: none; padding: 0 2; }
    Prompt:focus { border: none; }
    Prompt.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.about = ""

    @property
    def is_open(self) -> bool:
        """Whether it asks something."""
        return self.has_class("-open")

    def ask(self, about: str, hint: str, text: str = "") -> None:
        """Ask for a text; `hint` stands there while nothing is typed."""
        self.about = about
        self.placeholder = f"{about}: {hint}"
        with self.prevent(Input.Changed):
            self.value = text
        self.add_class("-open")
        self.focus()

    def close(self) -> None:
        """Ask nothing."""
        self.remove_class("-open")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell the screen what is typed."""
        event.stop()
        self.post_message(self.Typed(self.about, self.value.strip(), False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Tell the screen that it is complete."""
        event.stop()
        self.post_message(self.Typed(self.about, self.value.strip(), True))
