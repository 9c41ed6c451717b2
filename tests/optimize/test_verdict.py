"""The verdict and what live trading asks of it (1 s)."""

import json
import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from engine.optimize.verdict import RESULTS_FILE, Evidence, judge, report_status
from engine.params import StrategyParams

GOOD = Evidence(
    p_value=0.02,
    overfitting=0.1,
    deflated=0.99,
    holdout_pct=4.0,
    strict_pct=2.0,
    robustness=0.3,
    fall=0.1,
)
DECIDING = ("p_value", "overfitting", "deflated", "holdout_pct")
BAD = {
    "p_value": 0.0501,
    "overfitting": 0.501,
    "deflated": 0.949,
    "holdout_pct": 0.0,
    "strict_pct": -0.01,
    "robustness": 0.501,
    "fall": 0.51,
}


def test_all_answers_good_is_robust() -> None:
    verdict = judge(GOOD)
    assert verdict.passing
    assert verdict.sentence == (
        "ROBUST: all 7 checks passed: permutation p-value 0.0200, probability of overfitting "
        "0.1000, deflated Sharpe ratio 0.9900, hold-out return +4.00%, return under strict fills "
        "+2.00%, robustness score 0.3000, fall beside the point 0.1000"
    )


def test_the_limits_themselves_pass() -> None:
    limits = Evidence(0.05, 0.50, 0.95, 0.001, 0.001, 0.50, 0.50)
    assert judge(limits).word == "ROBUST"


@pytest.mark.parametrize("name", BAD)
def test_one_bad_answer_is_enough_and_is_named_with_its_number(name: str) -> None:
    verdict = judge(replace(GOOD, **{name: BAD[name]}))
    assert verdict.word == ("OVERFIT" if name in DECIDING else "FRAGILE")
    assert not verdict.passing
    bad = [check for check in verdict.checks if not check.passed]
    assert len(bad) == 1
    assert f"{bad[0].name} {bad[0].value} (wanted {bad[0].wanted})" in verdict.sentence


def test_choosing_among_trials_that_are_all_good_is_not_overfitting() -> None:
    equals = replace(GOOD, overfitting=0.6)
    assert judge(replace(equals, losses=0.05)).word == "ROBUST"
    losing = judge(replace(equals, losses=0.06))
    assert losing.word == "OVERFIT"
    assert (
        "probability of overfitting 0.6000, losing in 6% (wanted at most 0.50, or losing in at "
        "most 5%)" in losing.sentence
    )


@pytest.mark.parametrize("name", BAD)
def test_a_question_that_was_not_asked_is_never_a_pass(name: str) -> None:
    verdict = judge(replace(GOOD, **{name: None}))
    assert verdict.word == "UNPROVEN"
    assert verdict.sentence.startswith("UNPROVEN: not measured: ")


def test_a_worse_answer_never_makes_a_better_verdict() -> None:
    order = ["OVERFIT", "FRAGILE", "UNPROVEN", "ROBUST"]

    def rank(bad: set[str]) -> int:
        return order.index(judge(replace(GOOD, **{name: BAD[name] for name in bad})).word)

    for choice in product([True, False], repeat=len(BAD)):
        bad = {name for name, chosen in zip(BAD, choice, strict=True) if chosen}
        assert all(rank(bad | {name}) <= rank(bad) for name in BAD)


def test_what_is_missing_does_not_excuse_what_is_bad() -> None:
    assert judge(replace(GOOD, p_value=None, holdout_pct=-1.0)).word == "OVERFIT"
    assert judge(replace(GOOD, p_value=None, strict_pct=-1.0)).word == "UNPROVEN"
    assert judge(replace(GOOD, fall=None, strict_pct=-1.0)).word == "FRAGILE"
    assert judge(Evidence()).word == "UNPROVEN"


def report(
    folder: Path,
    params: StrategyParams,
    word: str,
    name: str = RESULTS_FILE,
    simulated: bool = False,
) -> Path:
    path = folder / name
    document = {
        "params": params.model_dump(),
        "verdict": {"word": word},
        "study": {"simulated": simulated, "coins": ["BTC/USDT", "SOL/USDT"]},
    }
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ROBUST", "passing"),
        ("FRAGILE", "failing"),
        ("OVERFIT", "failing"),
        ("UNPROVEN", "failing"),
    ],
)
def test_parameters_have_the_status_of_their_report(tmp_path: Path, word: str, status: str) -> None:
    params = StrategyParams(gamma=0.7123456789)
    report(tmp_path, params, word)
    assert report_status(params, tmp_path) == status


def test_the_capital_does_not_matter_and_everything_else_does(tmp_path: Path) -> None:
    params = StrategyParams(gamma=0.7)
    report(tmp_path, params, "ROBUST")
    assert report_status(params.model_copy(update={"initial_capital": 99.0}), tmp_path) == "passing"
    assert report_status(params.model_copy(update={"leverage": 5}), tmp_path) == "none"
    assert report_status(StrategyParams(), tmp_path) == "none"


def test_a_made_up_market_never_vouches_for_real_money(tmp_path: Path) -> None:
    report(tmp_path, StrategyParams(), "ROBUST", simulated=True)
    assert report_status(StrategyParams(), tmp_path) == "failing"


def test_a_report_is_about_its_own_coins(tmp_path: Path) -> None:
    report(tmp_path, StrategyParams(), "ROBUST")
    assert report_status(StrategyParams(), tmp_path, "SOL/USDT") == "passing"
    assert report_status(StrategyParams(), tmp_path, "DOGE/USDT") == "none"


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"params": {"gama": 1}}', '{"params": 3}'])
def test_a_report_that_cannot_be_read_vouches_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULTS_FILE).write_text(text)
    assert report_status(StrategyParams(), tmp_path) == "none"
    assert report_status(StrategyParams(), tmp_path / "missing") == "none"


def test_of_several_reports_the_newest_counts_and_older_ones_are_found(tmp_path: Path) -> None:
    mine, other = StrategyParams(gamma=0.7), StrategyParams(gamma=0.8)
    old = report(tmp_path, mine, "ROBUST", "optimizer_results_robust_20250101T000000000Z.json")
    os.utime(old, (1_000, 1_000))
    report(tmp_path, other, "OVERFIT")
    assert report_status(mine, tmp_path) == "passing"
    assert report_status(other, tmp_path) == "failing"
    report(tmp_path, mine, "OVERFIT")
    assert report_status(mine, tmp_path) == "failing"
