"""How a request to an exchange can fail: every failure is exactly one of six.

What matters of a failed order is whether it may exist. `Refused`, `NotAuthorised`, `ClockSkew`
and `Throttled` say that it does not; `UnknownOutcome` that nobody knows; `Unreachable` that
nothing was done, or, of a read, that nothing was learned. A failed read is never a neutral value.
"""

from enum import StrEnum

from exchange.errors import DataError


class Action(StrEnum):
    """What whoever sent the request does next."""

    NOTHING = "nothing: it is already as wanted"
    WAIT = "send nothing until it is over"
    RETRY = "send it again, a little later"
    ASK = "ask for it by its client id before anything else is sent"
    REPRICE = "lay it again at another price"
    SHRINK = "lay less, or pause the side"
    RECONCILE = "read orders and positions again, then decide"
    STOP_OPENING = "nothing can be opened until somebody settles it with the exchange"
    HALT = "it does not pass by itself: somebody has to settle it"
    REPORT = "do not send it again unchanged: it is a defect"


class Failure(DataError):  # noqa: N818 (a vocabulary of outcomes, not of errors)
    """A request that did not succeed; `str()` is one line for people.

    Args:
        reason: what the exchange, or the network, said.
        code: the exchange's number for it, if it gave one.
        action: what to do next.

    Attributes:
        where: the request, and the answer's HTTP status if there was one: `GET klines, HTTP 503`.
    """

    title = ""
    where = ""
    usual = Action.HALT

    def __init__(
        self, reason: str, *, code: int | None = None, action: Action | None = None
    ) -> None:
        super().__init__(reason, code, action)
        self.reason = reason
        self.code = code
        self.action = action or self.usual

    def __str__(self) -> str:
        number = "" if self.code is None else f" ({self.code})"
        where = f" [{self.where}]" if self.where else ""
        return f"{self.title}: {self.reason}{number}{where}; {self.action}"


class Refused(Failure):
    """The exchange (or the check before sending) said no: nothing was done, for certain."""

    title = "the exchange refused"
    usual = Action.REPORT


class UnknownOutcome(Failure):
    """It may have been executed or not: ask by the client id before anything is sent again."""

    title = "the outcome is unknown"
    usual = Action.ASK


class Throttled(Failure):
    """Too many requests; nothing was done and nothing may be sent before `until_ms`.

    Args:
        until_ms: ms UTC by the exchange's clock.
        banned: the address is shut out, not only slowed down.
    """

    title = "too many requests"
    usual = Action.WAIT

    def __init__(
        self,
        reason: str,
        *,
        until_ms: int,
        banned: bool = False,
        code: int | None = None,
        action: Action | None = None,
    ) -> None:
        super().__init__(reason, code=code, action=action)
        self.until_ms = until_ms
        self.banned = banned


class NotAuthorised(Failure):
    """Keys, permissions or region: nothing was done, and asking again will not help."""

    title = "the exchange does not accept these keys"
    usual = Action.HALT


class ClockSkew(Failure):
    """The request's time was off; nothing was done. The broker has already set its clock once."""

    title = "the clock is off"
    usual = Action.RETRY


class Unreachable(Failure):
    """No usable answer, and nothing was done: of a read, and of what certainly was not executed."""

    title = "the exchange cannot be reached"
    usual = Action.RETRY
