"""Tasks beside a generator that must not end without a word."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from exchange.outcomes import Failure, Unreachable


def start_all(
    works: Sequence[Coroutine[Any, Any, None]], wake: asyncio.Event
) -> list[asyncio.Task[None]]:
    """Start them; `wake` is set as soon as one ends."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(lambda _: wake.set())
    return tasks


def require_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Require that every one is still at work.

    Raises:
        Failure: one has ended; the cause is what it raised.
    """
    for task in tasks:
        if not task.done():
            continue
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Failure):
            raise error
        kind = "it was cancelled" if error is None else f"{type(error).__name__}: {error}"
        raise Unreachable(f"what watches the exchange has ended ({kind})") from error


async def end_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them and wait until they are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
