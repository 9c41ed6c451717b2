"""The question before everything is closed: answered by typing a word."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.screens.following import follow
from tui.screens.word_dialog import WordDialog


class TypedQuestion(WordDialog):
    """Dismissed with True once the word is typed and entered, else with False.

    Args:
        question: what would be done.
        effects: what that means, a line each.
        word: to be typed, in capitals or not; or some, with a space between.
        effects_now: says the effects as they have become, where they change meanwhile.
    """

    LEAVES = "closes nothing"

    def __init__(
        self,
        question: str,
        effects: Sequence[str],
        word: str,
        effects_now: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        self._question, self._effects, self._word = question, effects, word
        self._effects_now = effects_now

    def compose(self) -> ComposeResult:
        """Question, effects, the word's field, and the way out."""
        with Vertical(classes="dialog", id="danger"):
            yield Static(Content(self._question), classes="asked")
            yield Static(Content(_lines(self._effects)), id="effects")
            yield from self.word_line()
            yield self.cancel()

    def on_mount(self) -> None:
        """There is one word from the beginning."""
        self.want()
        effects_now = self._effects_now
        if effects_now is not None:
            follow(self, self.query_one("#effects", Static), lambda: _lines(effects_now()))

    @property
    def word(self) -> str:
        """The one that was given."""
        return self._word

    def agreed(self) -> None:
        """What was asked about is to be done."""
        self.dismiss(True)

    def on_button_pressed(self) -> None:
        """Cancel."""
        self.dismiss(False)


def _lines(effects: Sequence[str]) -> str:
    return "\n".join(f"  {effect}" for effect in effects)
