"""How much of a result is the strategy's and how much the fills': the same run, three exchanges."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.rules import FILL_MODELS
from engine.strategy import GridStrategyV4


@dataclass(frozen=True, slots=True)
class Band:
    """Total return in percent under each fill model of `FILL_MODELS`, kindest first."""

    returns: Mapping[str, float]

    @property
    def sign_changes(self) -> bool:
        """Whether one model gains what another loses."""
        return min(self.returns.values()) < 0.0 < max(self.returns.values())


def fill_model_band(
    result: Mapping[str, Any], on_progress: Callable[[int, int], bool] | None = None
) -> Band:
    """Run a result of `BacktestSimulator.run_single` again, under the other fill models.

    The candles are those of the result, so that nothing is loaded twice. `on_progress` as in
    `GridStrategyV4.run`. Raises Cancelled when it returns False.
    """
    returns = {}
    for model in FILL_MODELS:
        metrics = result["metrics"]
        if model != result["fill_model"]:
            strategy = GridStrategyV4(
                result["params"], result["symbol"], market=result["market"], fill_model=model
            )
            metrics = strategy.run(
                result["candles"],
                detail=result["detail"],
                on_progress=on_progress,
                trades=False,
            )["metrics"]
        returns[model] = metrics["total_return_pct"]
    return Band(returns)
