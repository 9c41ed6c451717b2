"""Spellings of a symbol. Costs 0.2 s."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.errors import DataError
from exchange.symbol import Symbol

COINS = st.from_regex(r"[A-Z0-9]{1,12}", fullmatch=True).filter(
    lambda coin: not coin.endswith(("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USD"))
)


@pytest.mark.parametrize(
    "text", ["BTC", "btc", "BTCUSDT", "btcusdt", "BTC/USDT", "btc/usdt", "BTC/USDT:USDT", " Btc "]
)
def test_every_spelling_names_the_same_perpetual(text: str) -> None:
    symbol = Symbol.parse(text)
    assert (symbol.coin, symbol.pair, symbol.id, symbol.ccxt) == (
        "BTC",
        "BTC/USDT",
        "BTCUSDT",
        "BTC/USDT:USDT",
    )
    assert str(symbol) == "BTC/USDT"


@given(COINS)
def test_each_of_a_symbols_own_spellings_parses_back_to_it(coin: str) -> None:
    symbol = Symbol(coin)
    for text in (symbol.coin, symbol.pair, symbol.id, symbol.ccxt, symbol.pair.lower()):
        assert Symbol.parse(text) == symbol
    assert Symbol.parse(symbol) is symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        "USDT",
        "USDTUSDT",
        "/USDT",
        "BTC/",
        "BTC/USD",
        "BTC/USDC",
        "BTCUSDC",
        "BTC/USD:BTC",
        "BTC/USDT:BTC",
        "BTCUSDT_250627",
        "../etc",
        "B TC",
        None,
        7,
    ],
)
def test_anything_else_is_refused_in_one_line_that_says_what_to_write(text: object) -> None:
    with pytest.raises(DataError) as refusal:
        Symbol.parse(text)  # type: ignore[arg-type]
    message = str(refusal.value)
    assert "\n" not in message
    assert repr(str(text)) in message
    assert "BTC/USDT" in message


def test_a_stablecoin_can_be_the_coin() -> None:
    assert Symbol.parse("USDC").id == "USDCUSDT"
    assert Symbol.parse("USDCUSDT").coin == "USDC"


def test_the_constructor_refuses_what_is_no_coin() -> None:
    for coin in ("btc", "BTC/USDT", "USDT", "", "A" * 21):
        with pytest.raises(DataError):
            Symbol(coin)


def test_a_symbol_and_a_market_are_known_without_pandas_numpy_ccxt_or_numba() -> None:
    code = (
        "import sys; from exchange.market import market_for; from exchange.span import moment_ms;"
        "from exchange.timeframe import timeframe_ms; market_for('BTC');"
        "print([name for name in ('pandas', 'numpy', 'ccxt', 'numba') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("text", ["BTCUSDT/USDT", "BTCUSDTUSDT", "BTCUSDC/USDT"])
def test_a_coin_that_ends_in_a_quote_currency_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not a USDT perpetual"):
        Symbol.parse(text)
