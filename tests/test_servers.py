"""Who answers in Binance's place. Costs nothing."""

import pytest

from exchange.series import Series
from exchange.servers import Server, said_of_paper, server_at
from exchange.symbol import Symbol


@pytest.mark.parametrize(
    "url",
    [None, "https://fapi.binance.com", "https://FAPI1.binance.com/", "https://data.binance.vision"],
)
def test_binance_is_binance_by_whichever_of_its_addresses(url: str | None) -> None:
    assert server_at(url) == Server("", simulated=False, origin="Binance")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8942", "127.0.0.1-8942"),
        ("http://fapi.binance.com", "fapi.binance.com"),
        ("https://demo-fapi.binance.com", "demo-fapi.binance.com"),
        ("https://fapi.binance.com.example.org", "fapi.binance.com.example.org"),
        ("http://[::1]:80", "---1--80"),
    ],
)
def test_any_other_server_is_itself_and_names_files_that_are_read_again(
    url: str, name: str
) -> None:
    server = server_at(url, "anything that it says")
    assert (server.name, server.simulated) == (name, False)
    for timeframe in ("15m", None):
        series = Series(Symbol("BTC"), timeframe, "perpetual", simulated=False, server=name)
        assert Series.of_stem(series.stem) == series


def test_a_paper_exchange_is_the_market_that_it_says_wherever_it_listens() -> None:
    said = said_of_paper(["seed 4"], simulated=True)
    one, other = (server_at(f"http://127.0.0.1:{port}", said) for port in (1, 2))
    another = server_at("http://127.0.0.1:1", said_of_paper(["seed 5"], simulated=True))
    assert one.simulated
    assert one.name == other.name != another.name
    recorded = server_at("http://127.0.0.1:1", said_of_paper(["seed 4"], simulated=False))
    assert not recorded.simulated
    assert recorded.origin == "recorded, paper exchange at 127.0.0.1:1"
