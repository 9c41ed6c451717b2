"""The README says what the program does: its table of parameters is the program's own."""

import re
from pathlib import Path

import pytest

from engine.params import StrategyParams, range_of

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()

PAPER = "http://127.0.0.1:8899"


def row(name: str) -> str:
    field = StrategyParams.model_fields[name]
    default = "none" if field.default is None else field.default
    return f"| `{name}` | {default} | {range_of(name)} | {field.description} |"


def test_the_table_of_parameters_is_complete_and_true() -> None:
    missing = [row(name) for name in StrategyParams.model_fields if row(name) not in README]
    assert not missing, "rows to put into the README:\n" + "\n".join(missing)


def test_every_row_of_the_table_is_a_parameter() -> None:
    table = README.split("## Parameters")[1].split("## ")[0]
    named = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert named == list(StrategyParams.model_fields)


@pytest.mark.parametrize("number", [0, 1])
def test_its_python_examples_run(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    examples = [each for each in found if PAPER not in each]  # see tests/test_paper_command.py
    assert (len(examples), len(found)) == (2, 3)
    exec(compile(examples[number], f"README example {number}", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.strip() not in ("", "[]")


def test_nothing_in_it_waits_to_be_filled_in() -> None:
    assert not re.findall(r"^[A-Z]+-[A-Z]+$", README, re.MULTILINE)
