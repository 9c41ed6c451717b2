"""The printed report, of numbers made by hand (under 1 s)."""

from engine.optimize.report import cluster_lines
from engine.optimize.robust import RobustCluster, Stability
from engine.params import StrategyParams


def test_the_report_of_the_guide_is_printed_to_the_letter() -> None:
    cluster = RobustCluster(
        200,
        20,
        {"grid_spacing_k": 0.42, "gamma": 0.98},
        {"grid_spacing_k": Stability(0.1823, 20), "gamma": Stability(0.4950, 20)},
        (0.1, 0.9),
        12,
    )
    lines = [line.plain for line in cluster_lines(cluster)]
    assert lines == [
        "===== ROBUST PARAMETER REPORT =====",
        "(Top 10% of 200 trials = 20 trials used)",
        "",
        "Robust Parameters (median of top cluster):",
        f"  grid_spacing_k             0.4200  (default: {StrategyParams().grid_spacing_k:g})",
        f"  gamma                      0.9800  (default: {StrategyParams().gamma:g})",
        "",
        "Parameter Stability (CV — lower is more stable):",
        "  grid_spacing_k        CV=0.1823  ████              [STABLE]",
        "  gamma                 CV=0.4950  ██████████        [MODERATE]",
        "",
        "Overall Robustness Score: 0.3387",
        "Interpretation: GOOD robustness — parameters generalise well",
    ]


def test_long_names_and_small_values_stay_readable() -> None:
    cluster = RobustCluster(
        100,
        10,
        {"funding_harvest_threshold": 0.000231, "grid_levels": 4, "spacing_floor": 0.00652},
        {
            "funding_harvest_threshold": Stability(0.2, 10),
            "grid_levels": Stability(float("inf"), 10),
        },
        (0.1, 0.9),
        12,
    )
    text = "\n".join(line.plain for line in cluster_lines(cluster))
    assert "  funding_harvest_threshold  0.000231  (default: 0.0002)" in text
    assert "  grid_levels                       4  (default: 3)" in text
    assert "0.006520" in text
    assert "CV=inf" in text
    assert "[UNSTABLE]" in text


def test_one_trial_has_parameters_but_no_stability() -> None:
    cluster = RobustCluster(4, 1, {"gamma": 1.0}, {}, (0.5, 0.5), 3)
    lines = [line.plain for line in cluster_lines(cluster)]
    assert "(Top 10% of 4 trials = 1 trial used)" in lines
    assert not any("Stability" in line for line in lines)
    assert lines[-2:] == [
        "Overall Robustness Score: n/a",
        "Interpretation: n/a — too few trials: 1 in the best tenth, 10 are needed",
    ]
