"""Requests and their answers, what codes mean, and what follows. Costs 3 s."""

import pytest

from engine.live.aftermath import aftermath
from exchange.binance.errors import CODES
from exchange.client_ids import ClientId
from exchange.meanings import MEANINGS, meaning
from exchange.outcomes import Action, Refused, UnknownOutcome
from tests.bot_app import watched
from tests.bot_documents import answer, request, snapshot
from tui.bot.audit import ASKED, NOBODY, Audit, purpose

ENTRY = str(ClientId("m05", 412, "long", "entry", 2))
STOP = str(ClientId("m05", 412, "short", "stop", 5))


def audited(*events: dict[str, object]) -> Audit:
    audit = Audit()
    audit.take(watched(snapshot(requests=list(events))))
    return audit


def test_a_request_gets_the_answers_that_follow_it() -> None:
    audit = audited(
        request("place", ENTRY, 5),
        request("place", STOP, 4.5),
        answer(ENTRY, "open", 4.8),
        answer(STOP, "open", 4.2),
        request("cancel", ENTRY, 2),
        answer(ENTRY, "cancelled", 1.5),
    )
    told = [(r.verb, r.about, r.answer, r.took_ms) for r in audit.requests]
    assert told == [
        ("place", "long entry 2", "open", 200),
        ("place", "short stop", "open", 300),
        ("cancel", "long entry 2", "cancelled", 500),
    ]
    assert [r.verb for r in audit.about(ENTRY)] == ["place", "cancel"]


def test_an_answer_without_a_request_is_one_to_a_question() -> None:
    (asked,) = audited(answer(ENTRY, "open", 3), answer(ENTRY, "filled", 2)).requests
    assert (asked.verb, asked.answer, asked.took_ms) == (ASKED, "filled", None)


def test_a_request_knows_who_asked_for_it() -> None:
    by = "operator: pause, by the screens, process 7"
    older = {key: value for key, value in request("place", STOP, 3).items() if key != "by"}
    asked = audited(request("cancel", ENTRY, 5, by=by), request("place", STOP, 4), older)
    assert [(r.who, r.by) for r in asked.requests] == [
        ("operator", by),
        ("strategy", "strategy"),
        (NOBODY, NOBODY),
    ]


def test_a_code_stays_though_a_later_answer_has_none() -> None:
    unknown = str(UnknownOutcome("Timeout waiting", code=-1007))
    (sent,) = audited(
        request("place", ENTRY, 5), answer(ENTRY, unknown, 4, -1007), answer(ENTRY, "open", 3)
    ).requests
    assert (sent.code, sent.failed, sent.answer) == (-1007, True, "open")


def test_events_are_read_once_each_as_they_come() -> None:
    view, audit = watched(), Audit()
    assert audit.take(view)
    assert not audit.take(view)
    view.take("order sent", request("place", ENTRY, 5))
    assert audit.take(view)
    view.take("order answered", answer(ENTRY, "open", 4))
    assert audit.take(view)
    assert [(r.verb, r.answer) for r in audit.requests] == [("place", "open")]


def test_more_events_than_a_view_keeps_leave_the_newest() -> None:
    view, audit = watched(), Audit()
    audit.take(view)
    for n in range(6_000):
        view.take("order sent", request("place", ENTRY, 6_000 - n, qty=str(n)))
    audit.take(view)
    assert [r.qty for r in audit.requests] == [str(n) for n in range(1_000, 6_000)]


def test_a_snapshot_adds_to_what_was_known() -> None:
    view, audit = watched(snapshot(requests=[request("place", ENTRY, 5)])), Audit()
    audit.take(view)
    view.begin(snapshot(requests=[request("cancel", STOP, 1)]))
    assert audit.take(view)
    assert [r.verb for r in audit.requests] == ["place", "cancel"]


@pytest.mark.parametrize(
    ("client_id", "words"),
    [(ENTRY, "long entry 2"), (STOP, "short stop"), ("web_x1", "not ours")],
)
def test_an_id_says_what_an_order_is_for(client_id: str, words: str) -> None:
    assert purpose(client_id) == words


def test_every_code_that_is_told_apart_has_a_meaning() -> None:
    assert MEANINGS.keys() == CODES.keys()
    assert "not known" in meaning(-99_999)


@pytest.mark.parametrize("action", list(Action))
def test_something_is_said_about_every_action(action: Action) -> None:
    words = str(Refused("no", code=-1, action=action))
    for role in ("entry", "near take-profit", "far take-profit", "stop", "exit", None):
        assert aftermath(words, role)
    assert aftermath(words, "entry", cancel=True)


def test_what_succeeded_has_no_aftermath() -> None:
    assert [aftermath(words, "entry") for words in ("open", "filled", "it does not exist")] == [
        "",
        "",
        "",
    ]


def test_what_follows_a_refusal_depends_on_the_order() -> None:
    words = str(Refused("would take", code=-5022, action=Action.REPRICE))
    assert "level is left out" in aftermath(words, "entry")
    assert "closed at market" in aftermath(words, "stop")
    assert "next bar" in aftermath(words, "near take-profit")
