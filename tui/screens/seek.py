"""Where in a record to go."""

from collections.abc import Iterable

from textual.widget import Widget

from engine.wording import plural
from exchange.errors import DataError
from tui.bot.replay import Replay
from tui.figures import clock, day
from tui.request import FieldError
from tui.screens.fields_dialog import FieldsDialog
from tui.widgets.fields import TextField

_MOST_RUNS = 5


class SeekDialog(FieldsDialog[bool]):
    """Goes to a moment; dismissed with True once it is under way, or with None."""

    TITLE_TEXT = "go to"

    def __init__(self, replay: Replay) -> None:
        super().__init__()
        self._replay = replay
        self.ABOUT = "\n".join(_about(replay))

    def fields(self) -> Iterable[tuple[str, Widget]]:
        """A moment."""
        hint = f"{self._replay.moment:%H:%M}, {self._replay.moment:%Y-%m-%d %H:%M}, 45%, end"
        return (("moment", TextField("moment", placeholder=hint)),)

    def order(self) -> bool:
        """Go there. Raises FieldError."""
        try:
            self._replay.seek(self.text("moment"))
        except DataError as error:
            raise FieldError("moment", str(error)) from error
        return True


def _about(replay: Replay) -> Iterable[str]:
    """What the record is of."""
    record = replay.record
    span = f"{_minute(replay.start_ms)} to {_minute(replay.end_ms)} UTC"
    yield f"{record.symbol.pair}, {plural(len(record.steps), 'bar')}, {span}."
    runs = [_minute(record.times[number]) for number in record.runs]
    if len(runs) > 1:
        more = f", and {len(runs) - _MOST_RUNS} more" if len(runs) > _MOST_RUNS else ""
        named = (f"run {n} of {text}" for n, text in enumerate(runs[:_MOST_RUNS], start=1))
        yield f"{', '.join(named)}{more}."
    if record.complaint:
        yield f"{record.complaint}."


def _minute(ms: int) -> str:
    return f"{day(ms)} {clock(ms)[:5]}"
