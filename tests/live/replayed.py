"""A run that was disturbed on the paper exchange, and its comparison with the backtest."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import gridtui
from engine.live.parity import Parity, compare
from engine.live.parity_run import load_run
from exchange.symbol import Symbol
from tests.live.harness import LockStep, Scene

DENSE = {"grid_spacing_k": 0.5, "spacing_floor": 0.002, "adaptive_floor_scale": 0.5}

Act = Callable[[LockStep], Awaitable[None]]


async def lived(scene: Scene, folder: Path, act: Act) -> Parity:
    """The comparison after a run to the end of the scene, disturbed by `act`."""
    async with LockStep(scene, folder) as walk:
        await act(walk)
        await walk.walk()
    return compare(load_run(folder, Symbol.parse(scene.coin)))


async def nothing(walk: LockStep) -> None:
    await walk.look()


def costs_add_up(parity: Parity) -> bool:
    return abs(parity.remainder) < 1e-6 and sum(
        total.cost for total in parity.causes.values()
    ) == pytest.approx(parity.difference, abs=1e-6)


def command(
    capsys: pytest.CaptureFixture[str], data: Path, *arguments: str
) -> tuple[int, str, str]:
    code = gridtui.main(["parity", "--data-dir", str(data), *arguments])
    return code, *capsys.readouterr()
