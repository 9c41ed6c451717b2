"""Health readings that turn bad, as alarms."""

from collections.abc import Iterable

from engine.live.health import Reading
from engine.live.run import Run

_TOLD_ELSEWHERE = frozenset({"positions", "drawdown", "price", "errors"})
"""Readings whose trouble has an alarm of its own, with what is to be done."""

_WORDS = {
    "heartbeat": "nothing has gone through for {value}",
    "unprotected": "a position is without a stop for all of it at the exchange",
    "rate budget": "{value}",
}


def raise_alarms(run: Run, readings: Iterable[Reading]) -> None:
    """Tell of each reading that is bad, once until it is not bad any more."""
    for reading in readings:
        if reading.name in _TOLD_ELSEWHERE:
            continue
        key = f"health: {reading.name}"
        if reading.state == "bad":
            words = _WORDS.get(reading.name, "{value} (limit {limit})")
            run.alarm(
                key, f"{reading.name}: {words.format(value=reading.value, limit=reading.limit)}"
            )
        else:
            run.all_clear(key)
