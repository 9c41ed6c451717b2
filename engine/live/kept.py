"""Steps of which none may keep the others from being done: what fails is kept, and raised after."""

from collections.abc import Coroutine
from typing import Any

from exchange.outcomes import Failure, NotAuthorised, Throttled


class Kept:
    """The failures of steps that were all tried; true if there is one."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def __bool__(self) -> bool:
        return bool(self._failures)

    async def of(self, step: Coroutine[Any, Any, object]) -> bool:
        """Do a step; False if it failed."""
        try:
            await step
        except Failure as failure:
            self.note(failure)
            return False
        return True

    def note(self, failure: Failure) -> None:
        """Keep a failure."""
        self._failures.append(failure)

    @property
    def gravest(self) -> Failure | None:
        """The longest silence that the exchange asks for, else what keys are refused, else the
        first."""
        silences = [failure for failure in self._failures if isinstance(failure, Throttled)]
        if silences:
            return max(silences, key=lambda failure: failure.until_ms)
        keys = (failure for failure in self._failures if isinstance(failure, NotAuthorised))
        return next(keys, self._failures[0] if self._failures else None)

    def throw(self) -> None:
        """Raise the gravest, if there is one.

        Raises:
            Failure: a step has failed.
        """
        failure = self.gravest
        if failure is not None:
            raise failure
