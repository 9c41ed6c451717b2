"""The user's theme and keys: what is taken, what is refused with a word, how it looks. 8 s."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.screen_text import screen_text, until
from tests.tui_app import lines, opened
from tui.keys import KEYS, move_keys
from tui.screens.help import HelpScreen
from tui.theme import ANSI, DARK, LIGHT, THEMES, TOKENS
from tui.user_config import UserConfig, user_config


@pytest.fixture(autouse=True)
def _keys_as_they_were() -> Iterator[None]:
    yield
    move_keys({})


def written(folder: Path, text: str) -> UserConfig:
    (folder / "gridtui.toml").write_text(text)
    return user_config(folder)


def test_without_a_file_all_is_as_it_comes(tmp_path: Path) -> None:
    assert user_config(tmp_path) == UserConfig()


def test_theme_and_keys_are_taken(tmp_path: Path) -> None:
    config = written(tmp_path, '[ui]\ntheme = "light"\n[keys]\nquit = "Q, ctrl+x"\nhelp = "?"\n')
    assert config == UserConfig("light", {"quit": "Q,ctrl+x", "help": "?"})


def test_a_file_in_the_data_folder_comes_before_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "config" / "gridtui"
    own.mkdir(parents=True)
    assert written(own, '[ui]\ntheme = "ansi"\n').theme == "ansi"
    assert user_config(tmp_path).theme == "ansi"
    assert written(tmp_path, '[ui]\ntheme = "light"\n').theme == "light"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ui", "is not valid TOML"),
        ("ui = 3", r"ui is no table: write \[ui\]"),
        ('[ui]\ntheme = "blue"', "'blue' is none of dark, light, ansi"),
        ("[ui]\ntheme = 3", "3 is none of dark, light, ansi"),
        ('[ui]\ncolour = "blue"', "colour: unknown; known: theme"),
        ("[colours]", r"unknown table \[colours\]; known: ui, keys"),
        ('[keys]\nhlep = "x"', "no such action: did you mean help"),
        ("[keys]\nhelp = 1", "a text with keys is needed"),
        ('[keys]\nhelp = " "', "a text with keys is needed"),
        ('[keys]\nhelp = "hyper+x"', "'hyper\\+x' is no key"),
        ('[keys]\nhelp = "helpme"', "'helpme' is no key"),
        ('[keys]\npause = "X"', "X is the key of flatten already"),
        ('[keys]\nexport = "question_mark"', r"\? is the key of help already"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_is_as_it_comes(
    tmp_path: Path, text: str, said: str
) -> None:
    config = written(tmp_path, text)
    assert (config.theme, config.keys) == ("dark", {})
    (trouble,) = config.troubles
    assert trouble.startswith(str(tmp_path / "gridtui.toml"))
    assert re.search(said, trouble)


def test_two_actions_may_change_their_keys_with_each_other(tmp_path: Path) -> None:
    config = written(tmp_path, '[keys]\nend = "X"\nflatten = "S"\n')
    assert (config.keys, config.troubles) == ({"end": "X", "flatten": "S"}, ())


def test_the_keys_that_come_with_it_do_not_clash(tmp_path: Path) -> None:
    table = "\n".join(f'{key.id} = "{key.keys}"' for key in KEYS)
    assert written(tmp_path, f"[keys]\n{table}\n").troubles == ()


def test_every_theme_has_every_token() -> None:
    assert list(THEMES.values()) == [DARK, LIGHT, ANSI]
    for theme in THEMES.values():
        assert TOKENS.keys() <= theme.variables.keys()
        assert DARK.variables.keys() <= theme.variables.keys()


async def test_moved_keys_work_and_are_shown_in_footer_and_help(tmp_path: Path) -> None:
    written(tmp_path, '[ui]\ntheme = "light"\n[keys]\nhelp = "H"\nquit = "Q"\n')
    async with opened((80, 24), tmp_path) as (app, pilot):
        assert app.theme == LIGHT.name
        await pilot.press("escape")
        await until(pilot, lambda: "Q quit" in lines(app)[-1], "the key in the footer")
        await pilot.press("H")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen), "the page")
        assert "  Q       leave; asks" in screen_text(app)
        await pilot.press("escape", "question_mark", "q")
        await pilot.pause()
        assert app.is_running
        assert not isinstance(app.screen, HelpScreen)


@pytest.mark.parametrize("name", list(THEMES))
async def test_every_theme_draws_every_screen(tmp_path: Path, name: str) -> None:
    written(tmp_path, f'[ui]\ntheme = "{name}"\n')
    async with opened((80, 24), tmp_path) as (app, pilot):
        await pilot.press("escape")
        for number, word in (("1", "[Live]"), ("8", "[Data]"), ("0", "[Bots]")):
            await pilot.press(number)
            await until(pilot, lambda word=word: word in screen_text(app), word)


async def test_a_bad_file_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    written(tmp_path, "[ui")
    async with opened((80, 24), tmp_path) as (app, pilot):
        await until(pilot, lambda: "is not valid TOML" in screen_text(app), "the word")
        assert app.theme == DARK.name
