"""What a live run does about a request that did not succeed, in an operator's words."""

from collections.abc import Mapping

from exchange.client_ids import Role
from exchange.outcomes import Action

_ALWAYS: Mapping[Action, str] = {
    Action.NOTHING: "Nothing had to be done.",
    Action.WAIT: "Nothing is sent until the exchange's time is over, then it goes on by itself.",
    Action.RETRY: "What should rest is compared with what rests, and what lacks is sent again; "
    "after five failures in a row entries wait.",
    Action.ASK: "The exchange is asked for the order by its id. Only once it certainly does not "
    "exist is it sent again, three times at most.",
    Action.STOP_OPENING: "It is not sent again before the next bar, and there is an alarm.",
    Action.HALT: "It is not sent again before the next bar, and there is an alarm: see to it.",
    Action.REPORT: "The market's rules are read again, the order waits for them or for the next "
    "bar, and there is an alarm.",
}
_ENTRY: Mapping[Action, str] = {
    Action.REPRICE: "This level is left out; the next grid has it again.",
    Action.SHRINK: "This level is left out until the next grid, and there is an alarm.",
}
_STOP: Mapping[Action, str] = {
    Action.REPRICE: "Fills are read and the stop is tried once more; refused twice, the position "
    "is closed at market, as the stop would have.",
}
_CANCEL = "Fills and orders are read again: it has filled, or is gone already."
_ELSE = "It waits for the next bar, and there is an alarm."


def aftermath(answer: str, role: Role | None, *, cancel: bool = False) -> str:
    """What follows from an answer of the exchange; "" where it was no failure.

    Args:
        answer: as `engine.events.OrderAnswered` has it.
        role: of the order; None of one that is not ours.
        cancel: the request was to cancel it.
    """
    action = _action(answer)
    if action is None:
        return ""
    if action in _ALWAYS:
        return _ALWAYS[action]
    if cancel:
        return _CANCEL
    if role == "stop" and action in (Action.REPRICE, Action.RECONCILE):
        return _STOP[Action.REPRICE]
    if role == "entry" and action in _ENTRY:
        return _ENTRY[action]
    return _ELSE


def _action(answer: str) -> Action | None:
    """A failure's text ends in what is to be done."""
    return next((action for action in Action if answer.endswith(f"; {action}")), None)
