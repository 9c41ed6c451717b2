"""Nothing is left to compile once a live run is in the market (3 s)."""

from engine.live import kernel
from engine.live.warm import warm_up


def test_every_function_that_a_live_run_calls_is_compiled_by_warming_up() -> None:
    warm_up()
    called = {
        name
        for method in vars(kernel.Kernel).values()
        for name in getattr(getattr(method, "__code__", None), "co_names", ())
    }
    functions = {name: vars(kernel).get(name) for name in called if name.startswith("_")}
    found = {name: each for name, each in functions.items() if hasattr(each, "signatures")}
    assert len(found) > 8
    assert not [name for name, function in found.items() if not function.signatures]
