"""Client order ids are deterministic, legal, and read back. Costs about 1 s."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.client_ids import ClientId
from exchange.errors import DataError

ids = st.builds(
    ClientId,
    run=st.from_regex(r"[A-Za-z0-9]{1,9}", fullmatch=True),
    bar=st.integers(0, 36**9 - 1),
    side=st.sampled_from(["long", "short"]),
    role=st.sampled_from(["entry", "near take-profit", "far take-profit", "stop", "exit"]),
    level=st.integers(0, 36**4 - 1),
    generation=st.integers(0, 36**6 - 1),
)


@given(ids)
def test_an_id_is_read_back_as_it_was(client_id: ClientId) -> None:
    assert ClientId.parse(str(client_id)) == client_id


@given(ids)
def test_an_id_is_within_what_every_endpoint_takes(client_id: ClientId) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,36}", str(client_id), re.ASCII)


@given(ids, ids)
def test_different_orders_have_different_ids(one: ClientId, other: ClientId) -> None:
    assert (str(one) == str(other)) == (one == other)


@given(st.text(max_size=40))
def test_what_is_read_as_ours_is_written_the_same(text: str) -> None:
    parsed = ClientId.parse(text)
    assert parsed is None or str(parsed) == text


@given(ids, st.integers(0, 35), st.sampled_from("-_:/ .é"))
def test_a_changed_id_is_not_read_as_the_same(client_id: ClientId, at: int, letter: str) -> None:
    text = str(client_id)
    changed = text[:at] + letter + text[at:]
    assert ClientId.parse(changed) != client_id


def test_the_written_form_is_the_documented_one() -> None:
    bar = 1_704_067_200_000
    assert str(ClientId("k3", bar, "long", "entry", 2)) == "gtk3-lqu5m2o0-L-e2-0"
    assert str(ClientId("k3", bar, "short", "stop", 0, 37)) == "gtk3-lqu5m2o0-S-s0-11"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x-cvBPrNm9a1b2c3d4e5f6a7b8c9d0e1",
        "autoclose-1700000000000",
        "adl_autoclose",
        "web_abcdef",
        "gtk3-01-L-e2-0",
        "gtk3-1-L-e2-0\n",
        "gtk3-1-X-e2-0",
        "gtk3-1-L-q2-0",
        "gtk3-1-L-e-0",
        "gt-1-L-e2-0",
        "gtk3-1-L-e2",
        "gtk3-1-l-e2-0",
        "gtk٣-1-L-e2-0",
        "gtk3-1234567890-L-e2-0",
        "gtk3-1-L-e12345-0",
        "gtk3-1-L-e2-1234567",
    ],
)
def test_foreign_ids_are_recognised(text: str) -> None:
    assert ClientId.parse(text) is None


def test_level_and_generation_are_counted_from_zero() -> None:
    assert ClientId("k3", 1, "long", "exit") == ClientId("k3", 1, "long", "exit", 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": ""},
        {"run": "ten-letter"},
        {"run": "a b"},
        {"run": "long" * 3},
        {"bar": -1},
        {"bar": 36**9},
        {"bar": 1.0},
        {"bar": True},
        {"level": 36**4},
        {"generation": 36**6},
        {"side": "both"},
        {"role": "hedge"},
    ],
)
def test_what_no_id_can_hold_is_refused(wrong: dict[str, object]) -> None:
    good = {"run": "k3", "bar": 1, "side": "long", "role": "entry", "level": 1, "generation": 0}
    with pytest.raises(DataError):
        ClientId(**(good | wrong))
