"""Where the account's half of the broker asks: Binance's endpoints, answered in this process."""

import json
from collections.abc import Mapping
from typing import Any

from exchange.binance.errors import Answer, failure_in
from exchange.dryrun.follower import Follower
from exchange.errors import DataError
from exchange.outcomes import Action, UnknownOutcome
from exchange.paper.errors import RefusalError
from exchange.paper.params import Params
from exchange.paper.routes.account import ACCOUNT
from exchange.paper.routes.orders import ORDERS
from exchange.paper.venue import Venue

_ROUTES = {**ACCOUNT, **ORDERS}
_PATHS: Mapping[str, tuple[str, str]] = {
    "fapiPrivateGetAccountConfig": ("GET", "/fapi/v1/accountConfig"),
    "fapiPrivateGetSymbolConfig": ("GET", "/fapi/v1/symbolConfig"),
    "fapiPrivatePostPositionSideDual": ("POST", "/fapi/v1/positionSide/dual"),
    "fapiPrivatePostMarginType": ("POST", "/fapi/v1/marginType"),
    "fapiPrivatePostLeverage": ("POST", "/fapi/v1/leverage"),
    "fapiPrivateV3GetAccount": ("GET", "/fapi/v3/account"),
    "fapiPrivateV3GetPositionRisk": ("GET", "/fapi/v3/positionRisk"),
    "fapiPrivateGetUserTrades": ("GET", "/fapi/v1/userTrades"),
    "fapiPrivateGetIncome": ("GET", "/fapi/v1/income"),
    "fapiPrivateGetOpenOrders": ("GET", "/fapi/v1/openOrders"),
    "fapiPrivateGetOpenAlgoOrders": ("GET", "/fapi/v1/openAlgoOrders"),
    "fapiPrivatePostOrder": ("POST", "/fapi/v1/order"),
    "fapiPrivateGetOrder": ("GET", "/fapi/v1/order"),
    "fapiPrivateDeleteOrder": ("DELETE", "/fapi/v1/order"),
    "fapiPrivatePostAlgoOrder": ("POST", "/fapi/v1/algoOrder"),
    "fapiPrivateGetAlgoOrder": ("GET", "/fapi/v1/algoOrder"),
    "fapiPrivateDeleteAlgoOrder": ("DELETE", "/fapi/v1/algoOrder"),
}


class Counter:
    """An `exchange.binance.endpoints.Endpoints` over the account on paper.

    What it refuses, it refuses with Binance's code, so that it means what it means there.
    """

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    async def read(self, method: str, request: Mapping[str, Any] | None = None) -> Any:
        """See `Endpoints.read`."""
        async with self._follower.present() as venue:
            return self._answer(venue, method, request or {}, write=False)

    async def write(self, method: str, request: Mapping[str, Any], *, order: bool = False) -> Any:
        """See `Endpoints.write`; there is no limit of orders a minute here."""
        del order
        async with self._follower.present() as venue:
            answer = self._answer(venue, method, request, write=True)
            try:
                await self._follower.save()
            except DataError as error:
                raise UnknownOutcome(str(error), action=Action.HALT) from error
            return answer

    async def sync_clock(self) -> int:
        """See `Endpoints.sync_clock`."""
        async with self._follower.present():
            return self._follower.now_ms

    def now_ms(self) -> int:
        """See `Endpoints.now_ms`."""
        return self._follower.now_ms

    def _answer(self, venue: Venue, method: str, request: Mapping[str, Any], *, write: bool) -> Any:
        params = Params({name: str(value) for name, value in request.items()})
        try:
            return _ROUTES[_PATHS[method]].answer(venue, params)
        except RefusalError as error:
            said = Answer(error.status, {}, json.dumps(error.body))
            raise failure_in(said, write=write, now_ms=self._follower.now_ms) from None
