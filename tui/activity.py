"""Something that is under way in a thread, as the status line and the last question name it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Activity:
    """`name`: a noun, "a backtest"; `words`: the stage it is in; `share`: of the whole, 0 to 1.

    `loses`: what leaving now would do, in a sentence.
    """

    name: str
    words: str
    share: float
    loses: str

    @property
    def noun(self) -> str:
        """`backtest`."""
        return self.name.rpartition(" ")[2]
