"""What the door must know of a path: who may ask, what it costs, who answers."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exchange.paper.errors import refusal
from exchange.paper.params import Params
from exchange.paper.venue import Venue


class Security(enum.Enum):
    """NONE: anybody; KEY: the API key's header; SIGNED: key, timestamp and signature."""

    NONE = enum.auto()
    KEY = enum.auto()
    SIGNED = enum.auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answer` gives what is sent as JSON, or raises RefusalError.

    `weight` is the request weight; `all_weight` without a symbol, `by_limit` by the parameter
    limit, as (up to, weight) steps. `orders`: how many it counts as in the order limits.
    """

    answer: Callable[[Venue, Params], Any]
    security: Security = Security.NONE
    weight: int = 1
    all_weight: int | None = None
    by_limit: tuple[tuple[int, int], ...] = ()
    usual_limit: int = 500
    orders: int = 0

    def weight_of(self, params: Params) -> int:
        if self.all_weight is not None and "symbol" not in params:
            return self.all_weight
        if self.by_limit:
            limit = params.integer("limit", self.usual_limit)
            steps = (weight for up_to, weight in self.by_limit if limit <= up_to)
            return next(steps, self.by_limit[-1][1])
        return self.weight


def page(params: Params, usual: int, most: int) -> int:
    """The parameter limit.

    Raises:
        RefusalError: -1130, outside 1 to `most`.
    """
    limit = params.integer("limit", usual)
    if not 1 <= limit <= most:
        raise refusal(-1130, "limit")
    return limit
