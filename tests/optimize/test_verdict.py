"""The verdict and what live trading asks of it (1 s)."""

import json
import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from engine.optimize.significance import permutation_p_value
from engine.optimize.verdict import (
    RESULTS_FILE,
    Evidence,
    Word,
    fewest_permutations,
    judge,
    report_status,
)
from engine.params import StrategyParams

GOOD = Evidence(
    p_value=0.02,
    overfitting=0.1,
    deflated=0.99,
    holdout_pct=4.0,
    strict_pct=2.0,
    robustness=0.3,
    fall=0.1,
    permutations=50,
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
        "0.1000, deflated Sharpe ratio 0.9900, hold-out return +4.00%, strict fills, all bars "
        "+2.00%, robustness score 0.3000, fall beside the point 0.1000"
    )


def test_level_ground_around_a_losing_point_is_not_good() -> None:
    losing = judge(replace(GOOD, score=0.0))
    check = losing.checks[-1]
    assert (losing.word, check.passed) == ("FRAGILE", False)
    assert check.value == "0.1000, around a score of 0.0000"
    assert judge(replace(GOOD, score=0.01)).word == "ROBUST"


def test_the_limits_themselves_pass() -> None:
    limits = Evidence(0.05, 0.50, 0.95, 0.001, 0.001, 0.50, 0.50, permutations=19)
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


@pytest.mark.parametrize(
    ("permutations", "word"), [(1, "UNPROVEN"), (5, "UNPROVEN"), (18, "UNPROVEN"), (19, "ROBUST")]
)
def test_too_few_permutations_to_be_sure_prove_nothing_and_condemn_nothing(
    permutations: int, word: Word
) -> None:
    best = permutation_p_value(9.0, [0.0] * permutations)
    verdict = judge(replace(GOOD, p_value=best, permutations=permutations))
    assert verdict.word == word
    if word == "UNPROVEN":
        told = "1 permutation" if permutations == 1 else f"{permutations} permutations"
        assert verdict.sentence == (
            f"UNPROVEN: not measured: permutation p-value {best:.4f}, of {told} (wanted at most "
            "0.05, of 19 or more)"
        )
    assert judge(replace(GOOD, p_value=1.0, permutations=permutations)).word == (
        "UNPROVEN" if permutations < 19 else "OVERFIT"
    )


@pytest.mark.parametrize("looks", [1, 2, 3, 7])
def test_looks_at_the_holdout_share_one_chance_of_an_error(looks: int) -> None:
    fewest = fewest_permutations(looks)
    assert fewest == 20 * looks - 1
    best = permutation_p_value(9.0, [0.0] * fewest)
    told = replace(GOOD, p_value=best, permutations=fewest, looks=looks)
    assert judge(told).word == "ROBUST"
    assert judge(replace(told, looks=looks + 1)).word == "UNPROVEN"
    second = permutation_p_value(0.0, [1.0] + [-1.0] * (fewest - 1))
    beaten = judge(replace(told, p_value=second))
    assert beaten.word == "OVERFIT"
    if looks > 1:
        assert f"(wanted at most {0.05 / looks:.4f} at look {looks})" in beaten.sentence


def test_evidence_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="5 permutations cannot tell"):
        Evidence(p_value=0.02, permutations=5)
    with pytest.raises(ValueError, match="look"):
        Evidence(looks=0)


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
        "study": {
            "simulated": simulated,
            "coins": ["BTC/USDT", "SOL/USDT"],
            "timeframe": "15m",
        },
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


def test_a_report_is_about_candles_of_its_own_length(tmp_path: Path) -> None:
    report(tmp_path, StrategyParams(), "ROBUST")
    assert report_status(StrategyParams(), tmp_path, "SOL/USDT", "15m") == "passing"
    assert report_status(StrategyParams(), tmp_path, "SOL/USDT", "1d") == "none"


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
