"""The pictures of the screens: all there, shown by the README, of today's program. Costs 4 s."""

import re
from pathlib import Path

import pytest

from tests.pictures.disk import keep_candles
from tests.pictures.make import HERE, PLACE, SIZE, picture_of
from tests.pictures.svg import words_of
from tests.screen_text import screen_text, until
from tests.tui_app import NOON
from tui.app import GridTui
from tui.keys import FOOTERS, footer
from tui.screens.names import SCREENS, ScreenName

README = (HERE.parent.parent / "README.md").read_text()
AGAIN = "draw them again: python -m tests.pictures.make"
ELSEWHERE = re.compile(
    r"/(?:home|tmp|root|Users|work|var|dev|private)\b|\\Users\\|localhost|\d+:\d+/"
)
NAMES = [screen.name for screen in SCREENS]


def picture(name: str) -> str:
    return (HERE / f"{name.lower()}.svg").read_text()


def without_sizes(lines: list[str]) -> list[str]:
    """Bytes on disk depend on the Parquet library's version."""
    return [re.sub(r"[\d.]+ [kM]?B", lambda found: "#" * len(found[0]), line) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_shows_a_picture_of_every_screen_and_says_what_is_seen(name: str) -> None:
    assert picture(name)
    [alt] = re.findall(rf'<img src="tests/pictures/{name.lower()}\.svg"[^>]* alt="([^"]*)"', README)
    assert alt.startswith(f"The {name} screen: ")


def test_no_picture_is_left_of_a_screen_that_is_no_more() -> None:
    assert {path.stem for path in HERE.glob("*.svg")} == {name.lower() for name in NAMES}


def test_the_readme_says_that_the_market_is_simulated() -> None:
    before, _, _ = README.partition("<img")
    said = before.strip().rpartition("\n\n")[2]
    assert "pictures" in said
    assert "SIMULATED" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_shows_that_its_market_is_simulated(name: str) -> None:
    assert words_of(picture(name))[0].split()[:2] == ["PAPER", "SIMULATED"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_machine_that_made_a_picture_is_in_it(name: str) -> None:
    text = picture(name)
    assert text.count("http") == 1  # the name of what SVG is
    assert ELSEWHERE.search("\n".join(words_of(text))) is None
    folders = set(re.findall(r"/[\w.-]+/[\w.-]+", "\n".join(words_of(text))))
    assert folders <= {PLACE}
    assert len(text) < 150_000


@pytest.mark.parametrize("screen", SCREENS)
def test_a_picture_has_the_line_of_names_and_a_footer_of_today(screen: ScreenName) -> None:
    words = words_of(picture(screen.name))
    shown = [
        f"{each.number} [{each.name}]" if each == screen else f"{each.number} {each.name}"
        for each in SCREENS
    ]
    assert words[1] == " " + "  ".join(shown), AGAIN
    footers = [
        "".join(f" {key} {said} " for key, said in footer(context)).rstrip() for context in FOOTERS
    ]
    assert words[-1] in footers, AGAIN


async def test_the_picture_of_the_data_screen_is_what_the_program_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRIDTUI_STATE_HOME", str(tmp_path / "locks"))
    keep_candles(Path("data"))
    app = GridTui(Path("data"), clock=lambda: NOON, first="8")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "4 series" in screen_text(app), "the series")
        await pilot.press("end")
        await until(pilot, lambda: "2 gaps" in screen_text(app), "the gaps")
        drawn = without_sizes(words_of(picture_of(app, "Data")))
    # the first line is that of the bot, which is not here
    assert drawn[1:] == without_sizes(words_of(picture("Data")))[1:], AGAIN
