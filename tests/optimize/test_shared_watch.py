"""A study in PostgreSQL as the Optimizer screen reads it (about 6 s, with the server's start)."""

from pathlib import Path

import pytest

from engine.optimize.notice import shown_storage
from engine.optimize.settings import SearchSettings
from tests.studies import keep_notice, keep_report, keep_trials
from tui.optimizer_store import Snapshot, StudyKey
from tui.optimizer_watch import Watch

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def seen(storage: str | None, chosen: StudyKey | None = None) -> Snapshot:
    settings = SearchSettings(storage=storage)
    return Watch(Path("data")).read(settings.url, shown_storage(settings), chosen)


def test_a_database_that_holds_no_study_yet_is_no_complaint(postgres_url: str) -> None:
    found = seen(postgres_url)
    assert (found.rows, found.complaint) == ((), "")


def test_the_database_that_the_form_names_is_listed_with_its_trials(postgres_url: str) -> None:
    keep_trials("together", trials=6, url=postgres_url)
    found = seen(postgres_url)
    [row] = found.rows
    assert (row.key.name, row.trials) == ("together", 6)
    assert found.chosen is not None
    assert [trial.number for trial in found.chosen.trials] == list(range(6))
    assert found.chosen.parameters


def test_a_search_of_this_folder_is_read_from_its_server_though_the_form_names_none(
    postgres_url: str,
) -> None:
    keep_trials("together", trials=6, url=postgres_url)
    keep_notice("finished", "OVERFIT", "together", storage=postgres_url, done=6, wanted=6)
    view = seen(None).chosen
    assert view is not None
    assert len(view.trials) == 6


def test_a_study_behind_a_password_has_its_verdict_and_says_where_its_trials_lie(
    postgres_url: str,
) -> None:
    with_password = postgres_url.replace("tester@", "tester:secret@")
    keep_trials("together", trials=6, url=postgres_url)
    keep_notice("finished", "OVERFIT", "together", storage=with_password, done=6, wanted=6)
    keep_report("OVERFIT", "together", trials=6)
    view = seen(None).chosen
    assert view is not None
    assert (view.row.verdict, view.row.trials) == ("OVERFIT", 6)
    assert ":***@" in view.nothing
    assert "secret" not in view.nothing
    named = seen(with_password).chosen
    assert named is not None
    assert len(named.trials) == 6


def test_a_server_that_does_not_answer_is_one_line_and_asked_again_later(
    postgres_url: str,
) -> None:
    keep_trials()
    gone = postgres_url.rpartition("/")[0] + "/nothing_here"
    settings = SearchSettings(storage=gone)
    watch = Watch(Path("data"))
    for _ in range(2):
        found = watch.read(settings.url, shown_storage(settings), None)
        assert 'database "nothing_here" does not exist' in found.complaint
