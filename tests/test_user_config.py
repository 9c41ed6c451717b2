"""The user's theme and keys: what is taken, what is refused with a word, how it looks. 8 s."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.color import Color

import gridtui
from tests.screen_text import screen_text, until
from tests.tui_app import lines, opened, quick_run
from tui.keys import KEYS, footer, help_of, move_keys
from tui.screens.help import HelpScreen
from tui.symbols import PlainSymbols
from tui.theme import ANSI, DARK, LIGHT, THEMES, TOKENS
from tui.user_config import UserConfig, in_one_box, user_config


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


def test_symbols_updates_and_bell_are_taken(tmp_path: Path) -> None:
    config = written(
        tmp_path, '[ui]\ngraph_symbols = "ascii"\nupdates_a_second = 2\nbell = false\n'
    )
    assert config == UserConfig(graph_symbols="ascii", updates_a_second=2, bell=False)


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
        ('[ui]\ncolour = "blue"', "colour: unknown; known: theme, graph_symbols, upd"),
        ('[ui]\ngraph_symbols = "dots"', "'dots' is none of braille, block, ascii"),
        ('[ui]\nbell = "no"', "'no' is neither true nor false"),
        ("[ui]\nupdates_a_second = 11", "11 is no whole number from 1 to 10"),
        ("[ui]\nupdates_a_second = 0", "0 is no whole number from 1 to 10"),
        ("[ui]\nupdates_a_second = true", "True is no whole number from 1 to 10"),
        ("[ui]\nupdates_a_second = 2.5", "2.5 is no whole number from 1 to 10"),
        ("[colours]", r"unknown table \[colours\]; known: ui, keys"),
        ('[keys]\nhlep = "x"', "no such action: did you mean help"),
        ('[keys]\nzzzz = "x"', r"no such action \(gridtui keys lists them\)"),
        ("[keys]\nhelp = 1", "a text with keys is needed"),
        ('[keys]\nhelp = " "', "a text with keys is needed"),
        ('[keys]\nhelp = "hyper+x"', "'hyper\\+x' is no key"),
        ('[keys]\nhelp = "helpme"', "'helpme' is no key"),
        ('[keys]\nhelp = "shift+banana"', "'shift\\+banana' is no key"),
        ('[keys]\nhelp = "<any>"', "'<any>' is no key"),
        ('[keys]\npause = "X"', "X is the key of flatten already"),
        ('[keys]\nexport = "question_mark"', r"\? is the key of help already"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_is_as_it_comes(
    tmp_path: Path, text: str, said: str
) -> None:
    config = written(tmp_path, text)
    assert config == UserConfig(troubles=config.troubles)
    (trouble,) = config.troubles
    assert trouble.startswith(str(tmp_path / "gridtui.toml"))
    assert re.search(said, trouble)


def test_ids_are_listed_without_a_look_at_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert gridtui.main(["keys"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["id", "keys", "where", "what", "for"]
    assert [row.split()[0] for row in rows] == [key.id for key in KEYS]
    assert any(re.fullmatch(r"flatten +X +bot +end with everything closed", row) for row in rows)


def test_two_actions_may_change_their_keys_with_each_other(tmp_path: Path) -> None:
    config = written(tmp_path, '[keys]\nend = "X"\nflatten = "S"\n')
    chosen = {"end": "X", "flatten": "S", "end_chosen": "X", "flatten_chosen": "S"}
    assert (config.keys, config.troubles) == (chosen, ())


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ('flatten = "ctrl+x"', {"flatten": "ctrl+x", "flatten_chosen": "ctrl+x"}),
        ('flatten = "f6"\nflatten_chosen = "Y"', {"flatten": "f6", "flatten_chosen": "Y"}),
        ('flatten_chosen = "Y"', {"flatten_chosen": "Y"}),
        ('resume_bot = "R"', {"resume_bot": "R", "go_on": "R"}),
    ],
)
def test_what_a_bot_is_told_moves_on_the_list_of_bots_too(
    tmp_path: Path, text: str, chosen: dict[str, str]
) -> None:
    config = written(tmp_path, f"[keys]\n{text}\n")
    assert (config.keys, config.troubles) == (chosen, ())


def test_a_key_that_the_list_of_bots_has_already_does_not_move_there(tmp_path: Path) -> None:
    config = written(tmp_path, '[keys]\nend = "backspace"\n')
    assert config.keys == {"end": "backspace"}
    (trouble,) = config.troubles
    assert re.search(r"\[keys\] end_chosen: . is the key of detach already", trouble)


def test_names_of_keys_are_taken_in_capitals_too(tmp_path: Path) -> None:
    config = written(tmp_path, '[keys]\nhelp = "F1, Ctrl+y, §, tilde"\n')
    assert (config.keys, config.troubles) == ({"help": "f1,ctrl+y,§,tilde"}, ())


def test_many_mistakes_are_four_lines_that_name_the_file_once(tmp_path: Path) -> None:
    def said(mistakes: int) -> list[str]:
        table = "\n".join(f'zzzz{number} = "x"' for number in range(mistakes))
        return in_one_box(written(tmp_path, f"[keys]\n{table}\n").troubles).split("\n")

    assert said(0) == [""]
    assert [len(said(mistakes)) for mistakes in (1, 4, 5, 40)] == [1, 4, 4, 4]
    assert said(40)[-1] == "and 37 more"
    assert sum(str(tmp_path) in line for line in said(40)) == 1


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


def test_help_names_every_key_of_an_action_also_of_one_that_was_moved() -> None:
    def said(name: str) -> tuple[str, str]:
        return next(row for _, rows in help_of() for row in rows if name in row[1])

    assert said("this page") == ("?", "this page (also F1)")
    assert said("line up") == ("↑", "line up (also k)")
    assert said("page down") == ("PgDn", "page down (also ctrl+d)")
    move_keys({"up": "w", "help": "H,f5", "page_down": "space,ctrl+f,pagedown"})
    assert said("this page") == ("H", "this page (also F5)")
    assert said("line up") == ("w", "line up")
    assert said("page down") == ("space", "page down (also ctrl+f, PgDn)")


def test_a_second_key_that_is_anothers_on_that_screen_is_not_promised() -> None:
    def said(places: tuple[str, ...]) -> str:
        rows = help_of({place: place for place in places})[0][1]
        return next(words for _, words in rows if "the alarm shown" in words)

    assert said(("app", "bot")) == "the alarm shown and the errors were seen (also a)"
    assert said(("app", "optimizer")) == "the alarm shown and the errors were seen"


def test_where_text_is_typed_the_footer_names_a_key_that_is_no_letter() -> None:
    move_keys({"help": "H,f5"})
    assert ("F5", "all keys") in footer("text")
    assert ("H", "all keys") in footer("form")


def test_every_symbol_of_the_charts_has_a_plain_one() -> None:
    def drawn(symbols: str, text: str) -> str:
        (segment,) = PlainSymbols(symbols).apply([Segment(text)], Color.parse("black"))
        return segment.text

    every = "".join(chr(0x2800 + code) for code in range(256))
    assert drawn("ascii", every).isascii()
    assert set(drawn("block", every)) <= set(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")
    assert drawn("block", "\u2801\u2880\u28ff") == "▘▗█"
    assert drawn("ascii", "\u2809\u28c0\u2847\u28ff") == "'.|#"
    assert drawn("ascii", "╭─ ▲ ▽ █▁ … λ") == "+- A v #_ ~ ?"
    assert drawn("block", "╭─ ▲ λ") == "╭─ ▲ λ"


@pytest.mark.parametrize("symbols", ["block", "ascii"])
async def test_the_users_symbols_are_drawn(tmp_path: Path, symbols: str) -> None:
    written(tmp_path, f'[ui]\ngraph_symbols = "{symbols}"\n')
    async with opened((80, 24), tmp_path) as (app, pilot):
        await quick_run(pilot)
        text = screen_text(app)
        assert not any("\u2800" <= letter <= "\u28ff" for letter in text)
        assert text.isascii() == (symbols == "ascii")


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
