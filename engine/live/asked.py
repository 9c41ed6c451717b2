"""On whose behalf requests about orders leave.

In words: who asked, and after a colon for what, as in `operator: pause, by the screens`.

    strategy   what should rest by its rules, and the exits that it decides
    guard      a limit or a trouble that keeps entries away or closes what is held
    operator   a command, with where it came from
    shutdown   a signal, or a terminal that was closed
    resume     a run that goes on puts back what should rest, before it decides anew
"""

from engine.live.kernel import Kernel
from engine.live.memory import Memory, Pending
from engine.live.orders import Purpose
from engine.trades import FINAL_CLOSE, LABELS

BY_OPERATOR, STOPPING, FLATTENING = "operator", "stopping", "flattening"
BY_ERRORS, BY_POSITIONS = "errors", "positions"
"""Reasons for which no entry rests, in `Memory.paused`: told to; told to end, which ends with the
run; too many failures in a row; positions that are not ours alone."""

STRATEGY = "strategy"
RESUMED = "resume: the run goes on"
CUT_OFF = "resume: closing everything was cut off"
RUN_ENDS = "guard: the run ends by an error"
EQUITY_LIMIT = "guard: equity limit"
_HALT = "guard: circuit breaker"
_STOP_REFUSED = "guard: a stop was refused"
_PAUSED = {
    BY_OPERATOR: "operator: pause",
    BY_ERRORS: "guard: too many failures in a row",
    BY_POSITIONS: "guard: positions differ",
}


def by_operator(command: str, origin: str = "") -> str:
    """`operator: pause, by the screens`."""
    return f"operator: {command}, by {origin}" if origin else f"operator: {command}"


def by_shutdown(origin: str) -> str:
    """`shutdown: SIGTERM`."""
    return f"shutdown: {origin}"


class Asked:
    """Knows who is behind a request of a run.

    Args:
        memory: of the run; says why entries are paused.
        kernel: says whether the circuit breaker keeps them away.
    """

    def __init__(self, memory: Memory, kernel: Kernel) -> None:
        self._memory = memory
        self._kernel = kernel
        self._occasion = ""
        self._pauses: dict[str, str] = {}

    def act_for(self, by: str) -> None:
        """What leaves from now on is asked for by `by`, until `done` or `decided`."""
        self._occasion = by

    def done(self) -> None:
        """What was asked for rests now."""
        self._occasion = ""

    def decided(self) -> None:
        """The strategy has decided a bar: what follows is its wish again."""
        self._occasion = ""

    def paused(self, reason: str, by: str) -> None:
        """Remember who keeps entries away for a reason of `memory.paused`."""
        self._pauses[reason] = by

    def to_place(self) -> str:
        """Who has an order laid."""
        return self._occasion or STRATEGY

    def to_cancel(self, purpose: Purpose) -> str:
        """Who has an order cancelled."""
        if purpose.role == "entry":
            for reason in reversed(self._memory.paused):
                known = self._pauses.get(reason) or _PAUSED.get(reason)
                if known:
                    return known
            if self._kernel.state["halted"][0]:
                return _HALT
        return self._occasion or STRATEGY

    def to_exit(self, pending: Pending) -> str:
        """Who has something closed at market, and take-profits taken out of its way."""
        if not pending.stop:
            return f"{STRATEGY}: {LABELS[pending.label]}"
        if pending.label == FINAL_CLOSE:
            return self._occasion or CUT_OFF
        return _STOP_REFUSED
