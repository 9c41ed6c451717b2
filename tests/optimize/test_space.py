"""The search space: checked, turned into distributions, told apart by its fingerprint (1 s)."""

from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from engine.errors import ParameterError
from engine.optimize.space import Space, load_space
from engine.params import OPTIMIZER_SPACE, StrategyParams


def test_the_default_space_has_the_guides_22_parameters() -> None:
    space = Space.checked()
    assert len(space.names) == 22
    assert space.plain() == OPTIMIZER_SPACE
    assert space.distributions["grid_levels"] == IntDistribution(2, 6)
    assert space.distributions["gamma"] == FloatDistribution(0.3, 2.0)


def test_log_and_step_reach_the_distribution() -> None:
    space = Space.checked(
        {
            "gamma": {"type": "float", "low": 0.1, "high": 2.0, "log": True},
            "grid_levels": {"type": "int", "low": 2, "high": 6, "step": 2},
        }
    )
    assert space.distributions["gamma"] == FloatDistribution(0.1, 2.0, log=True)
    assert space.distributions["grid_levels"] == IntDistribution(2, 6, step=2)


def test_the_fingerprint_knows_every_border_and_no_order() -> None:
    space = Space.checked()
    turned = dict(reversed(OPTIMIZER_SPACE.items()))
    wider = {**OPTIMIZER_SPACE, "gamma": {"type": "float", "low": 0.3, "high": 2.1}}
    fewer = {name: row for name, row in OPTIMIZER_SPACE.items() if name != "gamma"}
    assert Space.checked(turned).fingerprint == space.fingerprint
    assert Space.checked(wider).fingerprint != space.fingerprint
    assert Space.checked(fewer).fingerprint != space.fingerprint


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"gama": {"type": "float", "low": 0, "high": 1}}, "did you mean 'gamma'"),
        ({"gamma": {"type": "float", "low": 0.1}}, "gamma: a row has type, low, high"),
        ({"gamma": {"type": "int", "low": 1, "high": 2}}, "does not fit a parameter of type float"),
        ({"grid_levels": {"type": "int", "low": 1.5, "high": 2}}, "low = 1.5 is not a number"),
        ({"gamma": {"type": "float", "low": 2, "high": 1}}, "low = 2 lies above high = 1"),
        ({"gamma": {"type": "float", "low": -1, "high": 1}}, "gamma = -1.0 is out of range"),
        ({"gamma": {"type": "float", "low": 0, "high": 1, "log": True}}, "log needs a low above 0"),
        ({"gamma": {"type": "float", "low": 0, "high": 1, "step": 0}}, "step must be positive"),
        ({}, "the search space is empty"),
    ],
)
def test_a_row_that_cannot_be_searched_is_named(row: dict[str, object], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        Space.checked(row)  # type: ignore[arg-type]


def test_a_config_file_changes_rows_adds_some_and_leaves_some_out(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(
        "[optimizer_space]\ngamma = { high = 1.5 }\nkappa = false\n"
        'leverage = { type = "int", low = 1, high = 3 }\n'
    )
    space = Space.checked(load_space(file))
    assert space.plain()["gamma"] == {"type": "float", "low": 0.3, "high": 1.5}
    assert space.plain()["leverage"] == {"type": "int", "low": 1, "high": 3}
    assert "kappa" not in space.names
    assert len(space.names) == 22


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("gama = false", "did you mean 'gamma'"),
        ("gamma = 3", "gamma in .optimizer_space. takes a row like"),
        ("gamma = true", "or false to leave it out"),
    ],
)
def test_a_line_of_the_config_file_that_is_no_row_is_named(
    tmp_path: Path, line: str, complaint: str
) -> None:
    file = tmp_path / "my.toml"
    file.write_text(f"[optimizer_space]\n{line}\n")
    with pytest.raises(ParameterError, match=complaint):
        load_space(file)


def test_what_is_not_searched_keeps_the_value_of_the_base() -> None:
    base = StrategyParams.checked({"leverage": 3, "gamma": 0.9})
    params = Space.checked().params({"gamma": 1.1}, base)
    assert (params.leverage, params.gamma) == (3, 1.1)
