"""From finished trials to report, files and verdict, on a small search (12 s)."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gridtui
from engine.optimize.conclusion import Conclusion, conclude
from engine.optimize.evaluate import Evaluation
from engine.optimize.examination import coin_markets, run_from
from engine.optimize.objective import SCALE
from engine.optimize.report import luck_notes, print_conclusion, verdict_lines
from engine.optimize.reports import MOST_REPORTS
from engine.optimize.results import robust_document, write_results
from engine.optimize.significance import DeflatedSharpe
from engine.optimize.verdict import RESULTS_FILE, judge, report_status
from engine.params import StrategyParams
from engine.report import console_for
from exchange.timeframe import DAY_MS
from tests.optimize.small_search import TRIALS, Searched, one_by_one, small_search

PERMUTATIONS = 6


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return small_search(tmp_path_factory.mktemp("search"))


@pytest.fixture(scope="module")
def conclusion(searched: Searched) -> Conclusion:
    candles, evaluator, result = searched
    return conclude(result, candles, one_by_one(evaluator), permutations=PERMUTATIONS)


def printed(conclusion: Conclusion) -> str:
    stream = io.StringIO()
    print_conclusion(conclusion, console_for(stream))
    return stream.getvalue()


def test_a_conclusion_is_about_the_median_and_all_fixed_parameters(
    searched: Searched, conclusion: Conclusion
) -> None:
    _, evaluator, result = searched
    assert (conclusion.cluster.trials, conclusion.cluster.used) == (TRIALS, 3)
    assert conclusion.params.leverage == 2
    assert conclusion.params == evaluator.params(conclusion.cluster.params)
    assert conclusion.robust.train_scores == evaluator.trial(conclusion.cluster.params).train_scores
    assert conclusion.plateau is not None
    assert set(conclusion.plateau.falls) == set(result.space)
    assert set(conclusion.importance) == set(result.space)


def test_the_holdout_is_a_fresh_account_on_bars_that_no_trial_saw(
    searched: Searched, conclusion: Conclusion
) -> None:
    candles, evaluator, result = searched
    found = conclusion.examination
    plan = result.plan
    runs = evaluator.span(conclusion.cluster.params, plan.holdout_start, plan.holdout_end)
    returns = [100.0 * (run.equity[-1] / 10_000.0 - 1.0) for run in runs]
    assert found.holdout_pct == pytest.approx(returns)
    for market in coin_markets(candles, plan):
        seen = max(window.test_end for window in plan.windows)
        assert market.holdout_start == plan.holdout_start >= seen
        run = run_from(conclusion.params, market, market.holdout_start)
        assert len(run.equity) == plan.holdout_end - plan.holdout_start
        assert (run.fills["bar"] >= market.holdout_start).all()


def test_overfitting_and_deflation_count_every_trial(
    searched: Searched, conclusion: Conclusion
) -> None:
    _, _, result = searched
    found = conclusion.examination
    assert found.deflated is not None
    assert found.overfitting is not None
    days = len(result.trials[0].returns)
    assert days * DAY_MS > 20 * DAY_MS
    assert (found.deflated.trials, found.deflated.periods) == (TRIALS, days)
    assert found.bounded is not None
    assert found.bounded.expected_maximum <= found.deflated.expected_maximum
    assert found.p_value == pytest.approx(
        (1 + sum(s >= found.holdout_score for s in found.permuted_scores)) / (1 + PERMUTATIONS)
    )


def test_a_conclusion_is_the_same_again_and_another_seed_permutes_otherwise(
    searched: Searched, conclusion: Conclusion
) -> None:
    candles, evaluator, result = searched
    again = conclude(result, candles, one_by_one(evaluator), permutations=PERMUTATIONS)
    assert again.verdict == conclusion.verdict
    assert again.examination.permuted_scores == conclusion.examination.permuted_scores
    other = conclude(result, candles, one_by_one(evaluator), permutations=PERMUTATIONS, seed=1)
    assert other.examination.permuted_scores != conclusion.examination.permuted_scores
    assert other.examination.holdout_pct == conclusion.examination.holdout_pct


def test_skipped_permutations_leave_it_unproven_at_best(searched: Searched) -> None:
    candles, evaluator, result = searched
    told: list[tuple[str, int, int]] = []
    skipped = conclude(
        result,
        candles,
        one_by_one(evaluator),
        permutations=0,
        on_progress=lambda *news: told.append(news),
    )
    assert skipped.examination.p_value is None
    assert skipped.verdict.word in ("UNPROVEN", "OVERFIT")
    assert {what for what, _, _ in told} == {"neighbours"}
    assert told[-1][1] == told[-1][2]


def test_without_a_holdout_nothing_is_claimed_about_new_data(searched: Searched) -> None:
    candles, evaluator, result = searched
    plan = replace(result.plan, holdout_start=result.plan.bars, holdout_end=result.plan.bars)
    seen = conclude(
        replace(result, plan=plan), candles, one_by_one(evaluator), permutations=PERMUTATIONS
    )
    found = seen.examination
    assert (found.holdout_pct, found.permuted_scores) == ((), ())
    assert (found.holdout_score, found.p_value) == (None, None)
    assert "hold-out +" not in printed(seen)


def test_the_report_says_simulated_and_stands_between_two_verdicts(conclusion: Conclusion) -> None:
    lines = printed(conclusion).splitlines()
    assert lines[1].startswith("SIMULATED")
    assert all(len(line) <= 80 for line in lines)
    verdict = f"Verdict: {conclusion.verdict.sentence}"
    assert flat(printed(conclusion)).count(verdict) == 2
    assert lines[2].startswith("Verdict: ")
    assert flat(printed(conclusion)).endswith(verdict)
    report = lines.index("===== ROBUST PARAMETER REPORT =====")
    assert flat("\n".join(lines[2:report])) == verdict
    for title in (
        "Out-of-Sample Validation (bars that no trial was scored on):",
        "In sample (each coin's worst window; the last trains on the earlier tests):",
        "Parameter Importance:",
        "===== IS THIS OVERFIT? =====",
    ):
        assert title in lines
    for check in verdict_lines(conclusion.verdict):
        assert flat(check.plain) in flat(printed(conclusion))
    praise = next(k for k, line in enumerate(lines) if line.startswith("Interpretation: "))
    below = flat("\n".join(lines[praise + 1 : praise + 4]))
    assert below.endswith(f"the verdict says: {conclusion.verdict.word}.")
    assert f"p-value: {PERMUTATIONS} permutations of the hold-out's bars" in printed(conclusion)
    assert SCALE in flat(printed(conclusion))


def test_files_hold_what_was_learnt_and_live_trading_finds_it(
    tmp_path: Path, conclusion: Conclusion
) -> None:
    paths = write_results(conclusion, tmp_path)
    assert [path.name for path in paths] == [RESULTS_FILE, "best_params_v4.json"]
    robust, best = (json.loads(path.read_text()) for path in paths)
    assert robust["robust_params"] == conclusion.cluster.params
    assert StrategyParams.checked(robust["params"]) == conclusion.params
    assert robust["param_stability"]["gamma"]["cv"] == conclusion.cluster.stability["gamma"].cv
    assert robust["robustness_score"] == conclusion.cluster.score
    assert robust["study"]["simulated"] is True
    assert robust["monte_carlo"]["p_value"] == conclusion.examination.p_value
    assert robust["oos"]["holdout_pct"].keys() == {"BTC/USDT", "SOL/USDT"}
    assert list(robust).index("verdict") < list(robust).index("robust_params")
    assert robust["verdict"]["word"] == conclusion.verdict.word
    assert best["best_params"] == dict(conclusion.search.best.params)
    assert best["score"] == max(trial.score for trial in conclusion.search.trials)
    assert report_status(conclusion.params, tmp_path, "SOL/USDT") == "failing"
    real = tmp_path / "optimizer_results_robust_real.json"
    verdict = {**robust["verdict"], "word": "ROBUST"}
    study = {**robust["study"], "simulated": False}
    real.write_text(json.dumps({**robust, "study": study, "verdict": verdict}))
    assert report_status(conclusion.params, tmp_path, "SOL/USDT", "15m") == "passing"
    assert report_status(conclusion.params, tmp_path, "SOL/USDT", "1h") == "none"
    assert report_status(StrategyParams(), tmp_path) == "none"


def test_out_of_sample_is_the_last_windows_test_alone(conclusion: Conclusion) -> None:
    """The others lie in the train span of the last window, which drives the search."""
    plan, robust = conclusion.search.plan, conclusion.robust
    trained = range(plan.windows[-1].train_start, plan.windows[-1].train_end)
    assert plan.windows[0].test_start in trained
    assert plan.windows[0].test_end - 1 in trained
    assert plan.windows[-1].test_start not in trained
    last = {
        pair: row[-1] for pair, row in zip(conclusion.search.pairs, robust.test_scores, strict=True)
    }
    document = robust_document(conclusion)
    assert document["oos"]["last_test_scores"] == last
    assert document["oos"]["last_test_score"] == min(last.values())
    assert not {"score", "train_scores", "test_scores"} & set(document["oos"])
    assert document["windows"]["score"] == min(map(min, robust.train_scores))
    lines = printed(conclusion).splitlines()
    begin = lines.index("Out-of-Sample Validation (bars that no trial was scored on):")
    for line, (pair, score) in zip(lines[begin + 1 :], last.items(), strict=False):
        assert line.startswith(f"  {pair:<12}last window's test {score:>9.4f}   hold-out ")
    for line, row in zip(lines[begin + 4 :], robust.test_scores, strict=False):
        assert f"earlier tests {min(row[:-1]):>9.4f}" in line


def test_one_losing_coin_is_not_hidden_by_the_others(conclusion: Conclusion) -> None:
    found = replace(conclusion.examination, holdout_pct=(9.0, -4.0), strict_pct=(8.0, -1.0))
    evidence = found.evidence(0.1, 0.1, 1.0)
    assert (evidence.holdout_pct, evidence.strict_pct) == (-4.0, -1.0)
    checks = {check.name: check for check in judge(evidence).checks}
    assert checks["hold-out return"].passed is False
    assert checks["strict fills, all bars"].passed is False


def test_a_holdout_that_was_asked_before_is_said_to_be_used_up(conclusion: Conclusion) -> None:
    first = "\n".join(luck_notes(conclusion.examination))
    assert "used up" not in first
    third = replace(conclusion.examination, looks=3)
    said = "\n".join(luck_notes(third))
    assert "hold-out: look 3 of this study, so p may be at most 0.0167; it is used up" in said
    assert third.evidence(None, None, None).looks == 3


def test_a_sharpe_ratio_that_holds_by_the_bound_alone_is_said_to(conclusion: Conclusion) -> None:
    one = conclusion.examination.bounded
    assert one is not None
    weak, strong = replace(one, probability=0.94), replace(one, probability=0.96)

    def said(bounded: DeflatedSharpe, published: DeflatedSharpe) -> bool:
        found = replace(conclusion.examination, bounded=bounded, deflated=published)
        return "holds by the bounded variance alone" in "\n".join(luck_notes(found))

    assert said(strong, weak)
    assert not said(strong, strong)
    assert not said(weak, weak)


def test_what_is_published_is_told_where_it_is_another_number(conclusion: Conclusion) -> None:
    one = conclusion.examination.bounded
    assert one is not None
    same = replace(conclusion.examination, deflated=one)
    assert "as published" not in "\n".join(luck_notes(same))
    other = replace(conclusion.examination, deflated=replace(one, probability=0.5))
    assert "deflated, as published: 0.5000" in "\n".join(luck_notes(other))


def test_earlier_results_are_kept_up_to_a_number(tmp_path: Path, conclusion: Conclusion) -> None:
    first = [path.read_bytes() for path in write_results(conclusion, tmp_path)]
    for name in ("optimizer_results_robust", "best_params_v4"):
        for day in range(MOST_REPORTS):
            (tmp_path / f"{name}_200001{day:02d}T000000000Z.json").write_text("{}")
    mine = tmp_path / "optimizer_results_robust_mine.json"
    mine.write_text("{}")
    write_results(conclusion, tmp_path)
    assert mine.exists()
    for content, name in zip(first, ("optimizer_results_robust", "best_params_v4"), strict=True):
        kept = sorted(tmp_path.glob(f"{name}_2*.json"))
        assert len(kept) == MOST_REPORTS
        assert kept[-1].read_bytes() == content
        assert not (tmp_path / f"{name}_20000100T000000000Z.json").exists()


def test_the_report_holds_the_days_and_the_settings(conclusion: Conclusion) -> None:
    search, study = conclusion.search, robust_document(conclusion)["study"]
    plan = search.plan
    first_unseen = search.moment(plan.holdout_start)
    assert study["holdout"] == {"share": 0.15, "span": [first_unseen, "2024-03-16 00:00 UTC"]}
    assert "2024-03-04" in first_unseen
    assert [one["train"][0] for one in study["window_spans"]] == ["2024-01-01 00:00 UTC"] * 2
    assert study["window_spans"][1]["test"][0] == search.moment(plan.windows[1].test_start)
    assert study["purge_bars"] == plan.purge
    assert (study["sampler"], study["seed"], study["fill_model"]) == ("random", 7, "path")
    text = flat(printed(conclusion))
    assert f"hold-out (15%): {first_unseen} to 2024-03-16 00:00 UTC" in text
    assert f"purge {plan.purge} bars of 15m, sampler random, seed 7, fill model path" in text
    for one in study["window_spans"]:
        spans = f"trained {' to '.join(one['train'])}, tested {' to '.join(one['test'])}"
        assert spans in text


def test_the_return_under_strict_fills_stands_beside_that_of_the_search(
    searched: Searched, conclusion: Conclusion
) -> None:
    candles, evaluator, result = searched
    found = conclusion.examination
    runs = evaluator.span(conclusion.cluster.params, 0, candles.bars)
    own = [100.0 * (run.equity[-1] / 10_000.0 - 1.0) for run in runs]
    assert found.path_pct == pytest.approx(own)
    assert found.path_pct != found.strict_pct
    document = robust_document(conclusion)
    assert list(document["search_fills"]["returns_pct"].values()) == list(found.path_pct)
    for pair, one, strict in zip(result.pairs, found.path_pct, found.strict_pct, strict=True):
        told = f"{pair} path fills, as searched, {one:+.2f}% strict fills {strict:+.2f}%"
        assert told in flat(printed(conclusion))


def test_a_median_below_its_cluster_is_said_to_be_outside_and_the_medoid_is_offered(
    conclusion: Conclusion,
) -> None:
    low, high = conclusion.cluster.span
    inside = replace(conclusion, robust=with_score(conclusion.robust, low))
    outside = replace(conclusion, robust=with_score(conclusion.robust, low - 0.01))
    told = f"The median scores {low - 0.01:.4f} on train, its cluster {low:.4f} to {high:.4f}."
    assert told in flat(printed(outside))
    assert (inside.fallen, outside.fallen) == (False, True)
    assert "outside of its cluster" not in flat(printed(inside))
    assert "outside of its cluster" in flat(printed(outside))
    medoid = outside.medoid
    assert low <= medoid.score <= high
    assert f"trial {medoid.number}, in the midst of them" in flat(printed(outside))
    document = robust_document(outside)
    assert document["cluster"]["median_outside"] is True
    assert document["medoid_params"] == dict(medoid.params)
    assert document["robust_params"] == conclusion.cluster.params


def with_score(found: Evaluation, score: float) -> Evaluation:
    """The same of parameters that score `score`."""
    rows = tuple(tuple(score for _ in row) for row in found.train_scores)
    return found._replace(train_scores=rows)


def flat(text: str) -> str:
    """Without line breaks and columns."""
    return " ".join(text.split())


def test_both_files_can_be_applied(
    tmp_path: Path, conclusion: Conclusion, capsys: pytest.CaptureFixture[str]
) -> None:
    robust, best = write_results(conclusion, tmp_path)
    config = tmp_path / "mine.toml"
    config.write_text("[strategy]\nleverage = 2\n")
    told = ["apply", "--config", str(config), "--yes", "--params"]
    assert gridtui.main([*told, str(robust), "--key", "robust_params"]) == 0
    said = flat(capsys.readouterr().out)
    assert conclusion.verdict.sentence in said
    assert conclusion.search.source in said
    from engine.params import load_config_file

    applied = StrategyParams.checked(load_config_file(config)[0])
    assert applied == conclusion.params
    assert report_status(applied, tmp_path) != "none"
    assert gridtui.main([*told, str(robust), "--key", "medoid_params"]) == 0
    said = flat(capsys.readouterr().out)
    assert f"not these: {conclusion.verdict.sentence}" in said
    assert gridtui.main([*told, str(best)]) == 0
    said = flat(capsys.readouterr().out)
    assert "single best trial: reference only, it may be overfit" in said
    assert "SIMULATED" in said
    assert f"not these: {conclusion.verdict.sentence}" in said
    assert f"recommended: --params {robust} --key robust_params" in said


def test_the_matrix_of_returns_is_that_of_the_trials(searched: Searched) -> None:
    _, evaluator, result = searched
    again = evaluator.trial(result.trials[3].params).returns
    assert np.array_equal(result.returns_matrix()[:, 3], again)
