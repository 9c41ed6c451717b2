"""What gridtui uses of Textual that Textual does not promise: an upgrade fails here. Costs 0 s."""

import inspect

import pytest
from textual._compositor import Compositor
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.driver import Driver
from textual.screen import Screen


class _Bare(App[None]):
    """Constructed, never run."""


def _app() -> object:
    return _Bare()


def _screen() -> object:
    return Screen()


@pytest.mark.parametrize(
    ("made", "name", "user"),
    [
        (_app, "_fatal_error", "tui/guarded_app.py"),
        (_app, "_driver", "tui/operator_app.py"),
        (_screen, "_compositor", "tui/pictures.py, tests/screen_text.py"),
        (Stylesheet, "_parse_cache", "tui/styles.py"),
        (Stylesheet, "_variables", "tui/styles.py"),
        (Stylesheet, "reparse", "tui/styles.py"),
    ],
)
async def test_a_private_name_is_still_there(made: object, name: str, user: str) -> None:
    assert callable(made)
    assert hasattr(made(), name), f"Textual has no {name} any more: mend {user}"


@pytest.mark.parametrize(
    ("owner", "name", "wanted", "user"),
    [
        (App, "_background_screens", None, "tui/pictures.py"),
        (App, "_fatal_error", ["self"], "tui/guarded_app.py"),
        (App, "_unnotify", ["self", "notification", "refresh"], "tui/operator_app.py"),
        (Driver, "write", ["self", "data"], "tui/operator_app.py"),
        (Compositor, "render_update", ["full", "screen_stack"], "tui/pictures.py"),
        (Compositor, "render_strips", ["self"], "tests/screen_text.py"),
        (Stylesheet, "reparse", ["self"], "tui/styles.py"),
    ],
)
def test_a_private_name_is_still_used_in_the_same_way(
    owner: type, name: str, wanted: list[str] | None, user: str
) -> None:
    found = inspect.getattr_static(owner, name, None)
    assert found is not None, f"Textual's {owner.__name__} has no {name} any more: mend {user}"
    if wanted is None:
        assert isinstance(found, property), f"{name} is no property any more: mend {user}"
        return
    takes = inspect.signature(found).parameters
    missing = [each for each in wanted if each not in takes]
    assert not missing, f"{owner.__name__}.{name} does not take {missing} any more: mend {user}"
