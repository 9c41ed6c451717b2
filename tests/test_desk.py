"""An order that is cancelled as a run ends, and an exchange that refuses to. Costs 0 s."""

import asyncio
from decimal import Decimal

import pytest

from engine.account import new_state
from engine.events import OrderAnswered, OrderSent
from engine.live.desk import Desk
from engine.live.memory import Memory
from engine.live.orders import Purpose, Sent
from engine.params import StrategyParams
from exchange.broker import PlacedOrder, State
from exchange.client_ids import ClientId
from exchange.outcomes import Refused, Unreachable
from exchange.paper.listing import load_listing
from exchange.symbol import Symbol

QTY, PRICE = Decimal("0.01"), Decimal(20_000)
MARKET = load_listing("BTC", "15m", "2024-01-01", "2024-01-02").market


class _Refuses:
    """An exchange that does not cancel, and says what the order is."""

    def __init__(self, failure: Exception, state: State | None) -> None:
        self._failure = failure
        self._state = state

    async def cancel(self, _: ClientId) -> PlacedOrder:
        raise self._failure

    async def find(self, client_id: ClientId) -> PlacedOrder | None:
        if self._state is None:
            return None
        filled = QTY if self._state == "filled" else Decimal(0)
        what = (str(client_id), "1", "long", "buy", "limit", QTY, filled, PRICE, True)
        return PlacedOrder(*what, self._state, 1)  # type: ignore[arg-type]


class _NoDisk:
    def append(self, record: dict[str, str]) -> int:
        raise AssertionError(record)


def dropped(failure: Exception, state: State | None) -> tuple[Sent, list[str]]:
    """The order after `drop`, and what was answered."""
    memory = Memory.fresh("abc", Symbol("BTC").id, "1h", StrategyParams().model_dump(), 500.0, 0)
    memory.kernel = new_state(500.0)
    sent = Sent(memory.new_id(Purpose(0, "entry", (1, 1, 1))), QTY, PRICE, "resting")
    answers: list[str] = []

    def tell(event: OrderSent | OrderAnswered) -> None:
        if isinstance(event, OrderAnswered):
            answers.append(event.answer)

    desk = Desk(_Refuses(failure, state), MARKET, memory, _NoDisk(), tell, lambda: 0)  # type: ignore[arg-type]
    asyncio.run(desk.drop(sent, by="the run ends"))
    return sent, answers


@pytest.mark.parametrize(("state", "filled"), [("filled", QTY), ("cancelled", Decimal(0))])
def test_an_order_that_has_gone_before_it_was_dropped_does_not_rest(
    state: State, filled: Decimal
) -> None:
    sent, answers = dropped(Refused("unknown order"), state)
    assert (sent.status, sent.filled, answers) == ("gone", filled, [state])


def test_an_order_of_which_the_exchange_knows_nothing_is_gone() -> None:
    sent, _ = dropped(Refused("unknown order"), None)
    assert sent.status == "gone"


@pytest.mark.parametrize("failure", [Refused("not now"), Unreachable("no answer")])
def test_an_order_that_is_not_cancelled_is_said_to_rest(failure: Exception) -> None:
    with pytest.raises(type(failure)):
        dropped(failure, "open")
