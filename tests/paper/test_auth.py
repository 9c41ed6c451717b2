"""Keys, signatures over the raw bytes, and timestamps. 1 s."""

import hashlib
import hmac
import string
import urllib.parse
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
import requests

from exchange.paper.clock import Clock
from exchange.paper.errors import RefusalError
from exchange.paper.params import Params
from exchange.paper.server import PAPER_KEYS, client_config, guard
from exchange.paper.threaded import ThreadedExchange
from tests.paper.support import FLAT, SYMBOL, exchange

LEGAL = string.ascii_letters + string.digits + ".:/_-"


@pytest.fixture
def threaded() -> Iterator[ThreadedExchange]:
    with ThreadedExchange(lambda: exchange(FLAT, FLAT)) as running:
        running.open_bar()
        yield running


def sign(text: str) -> str:
    return hmac.new(PAPER_KEYS.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def ask(threaded: ThreadedExchange, query: str, key: str | None = PAPER_KEYS.key) -> Any:
    headers = {} if key is None else {"X-MBX-APIKEY": key}
    return requests.get(f"{threaded.url}/fapi/v3/account?{query}", headers=headers, timeout=5)


def test_every_legal_character_of_a_client_id_survives_the_signature(sync_client: Any) -> None:
    for start in range(0, len(LEGAL), 20):
        cid = LEGAL[start : start + 20]
        params = {"positionSide": "LONG", "timeInForce": "GTX", "clientOrderId": cid}
        sync_client.create_order(SYMBOL, "limit", "buy", 1, 98, params)
        assert (
            sync_client.fetch_order(None, SYMBOL, {"origClientOrderId": cid})["clientOrderId"]
            == cid
        )
        sync_client.cancel_order(None, SYMBOL, {"origClientOrderId": cid})


def test_a_batch_is_signed_as_it_is_sent_without_percent_encoding(sync_client: Any) -> None:
    entry = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "positionSide": "LONG",
        "type": "LIMIT",
        "timeInForce": "GTX",
        "quantity": "1",
        "price": "98",
        "newClientOrderId": "a:b/c.d_e-f",
    }
    (answer,) = sync_client.fapiPrivatePostBatchOrders({"batchOrders": [entry]})
    assert answer["clientOrderId"] == "a:b/c.d_e-f"


def test_a_signature_over_other_bytes_is_refused(threaded: ThreadedExchange) -> None:
    now = threaded.exchange.clock.wall_ms()
    encoded = f"note=a%2Fb&timestamp={now}"
    assert ask(threaded, f"{encoded}&signature={sign(encoded)}").status_code == 200
    decoded = urllib.parse.unquote(encoded)
    answer = ask(threaded, f"{encoded}&signature={sign(decoded)}")
    assert (answer.status_code, answer.json()["code"]) == (400, -1022)


def test_a_wrong_secret_or_key_is_not_let_in(threaded: ThreadedExchange) -> None:
    wrong = ccxt.binanceusdm(client_config(threaded.url) | {"secret": "wrong"})
    guard(wrong, threaded.url)
    wrong.load_markets()
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        wrong.fetch_balance()
    wrong.apiKey = "other"
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        wrong.fetch_balance()
    wrong.session.close()
    query = f"timestamp={threaded.exchange.clock.wall_ms()}"
    answer = ask(threaded, f"{query}&signature={sign(query)}", key=None)
    assert (answer.status_code, answer.json()["code"]) == (401, -2014)


@pytest.mark.parametrize(
    ("shift", "window", "code"),
    [
        (0, 5000, 0),
        (-4000, 5000, 0),
        (-5200, 5000, -1021),
        (-4000, 3000, -1021),
        (900, 5000, 0),
        (1200, 5000, -1021),
        (0, 60_001, -1131),
    ],
)
def test_a_timestamp_may_be_late_by_the_window_and_early_by_a_second(
    threaded: ThreadedExchange, shift: int, window: int, code: int
) -> None:
    query = f"timestamp={threaded.exchange.clock.wall_ms() + shift}&recvWindow={window}"
    answer = ask(threaded, f"{query}&signature={sign(query)}").json()
    assert answer.get("code", 0) == code


def test_the_timestamp_is_mandatory(threaded: ThreadedExchange) -> None:
    assert ask(threaded, f"signature={sign('')}").json()["code"] == -1102


def test_a_client_that_never_synced_is_refused_and_heals_by_syncing(
    threaded: ThreadedExchange,
) -> None:
    config = client_config(threaded.url)
    config["options"]["adjustForTimeDifference"] = False
    late = ccxt.binanceusdm(config)
    guard(late, threaded.url)
    late.load_markets()
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        late.fetch_balance()
    late.load_time_difference()
    late.fetch_balance()
    late.session.close()


def test_a_step_of_a_bar_does_not_outdate_a_client_that_has_synced(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    threaded.walk_bar()
    sync_client.fetch_balance()
    assert sync_client.fetch_time() > sync_client.nonce() + 800_000


def test_a_skewed_clock_refuses_until_the_client_syncs_again(
    sync_client: Any, threaded: ThreadedExchange
) -> None:
    threaded.exchange.clock.skew_ms = -3000.0
    with pytest.raises(ccxt.InvalidNonce, match="1000ms ahead"):
        sync_client.fetch_balance()
    sync_client.load_time_difference()
    sync_client.fetch_balance()
    threaded.exchange.clock.skew_ms = 20_000.0
    with pytest.raises(ccxt.InvalidNonce, match="outside of the recvWindow"):
        sync_client.fetch_balance()


def test_a_drifting_clock_goes_wrong_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("exchange.paper.clock.time.monotonic", lambda: now[0])
    clock = Clock(5_000_000)
    told = clock.tell()
    clock.drift_ppm = 2000.0  # 2 ms a second
    now[0] += 100.0
    assert clock.signature_error(told + 100_000, 5000) is None
    now[0] += 3000.0
    assert clock.signature_error(told + 3_100_000, 5000) is not None
    assert clock.tell() == 5_000_000 + 3_100_000 + 6200


def test_a_plus_sign_in_a_parameter_stays_one() -> None:
    assert Params.parse("a=1+2&b=%2B").values == {"a": "1+2", "b": "+"}


@pytest.mark.parametrize("text", ["1e3", "-1", "\u0661", "9" * 19, ""])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    params = Params({"n": text})
    if text == "-1":
        assert params.integer("n") == -1
    else:
        with pytest.raises(RefusalError):
            params.integer("n")
