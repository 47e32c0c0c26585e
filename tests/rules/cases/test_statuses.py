"""The life of a case: every pair of status, event and actor, and how each status is told."""

from __future__ import annotations

import itertools

import pytest

from callcenter.cases import statuses
from callcenter.cases.deadlines import Code
from callcenter.cases.statuses import (
    CASE_TABLE,
    FINAL,
    Actor,
    CaseEvent,
    CaseStatus,
    Field,
    WaitReason,
    after,
    refusal,
)
from callcenter.ivr import needs

S, E, A = CaseStatus, CaseEvent, Actor

#: Whatever an event may ask for.
FULL: dict[str, str] = {
    Field.UNIT: "WAS",
    Field.TARGET: "BPJSTK",
    Field.OTHER: "another case",
    Field.THEIR_ID: "B-17",
    Field.PUBLIC_NOTE: "We wrote to the employer.",
    Field.WAIT: "statutory",
}

#: The ways of the requirements, written down once more: from, to.
WAYS = """
draft new / draft abandoned / draft answered / abandoned new
new verifying / new answered
verifying needs_info / verifying routed / verifying answered / verifying rejected
verifying referred_out / verifying merged
needs_info verifying / needs_info closed
routed in_progress / routed verifying
in_progress waiting / in_progress followed_up / in_progress routed / in_progress merged
in_progress verifying
waiting in_progress
followed_up closed / followed_up in_progress
answered closed / answered in_progress / answered new
closed reopened / rejected reopened / referred_out reopened
reopened verifying
"""
OPEN = [status for status in S if status not in FINAL]


def full(event: CaseEvent) -> dict[str, str]:
    return FULL | {Field.REASON: next(iter(statuses.REASONS.get(event, {"any": {}})))}


def test_the_ways_are_those_of_the_requirements() -> None:
    wanted = {tuple(way.split()) for line in WAYS.split("\n") for way in line.split("/") if way}
    wanted |= {(status.value, "withdrawn") for status in OPEN}
    ways = {(of.value, move.to.value) for (of, _), move in CASE_TABLE.items() if of is not move.to}
    assert ways == wanted


def test_everything_else_is_refused() -> None:
    """Over the whole product: only who is in the table moves a case, and only where it says."""
    for status, event, actor in itertools.product(S, E, A):
        move = CASE_TABLE.get((status, event))
        why = refusal(status, event, actor, full(event), WaitReason.REPORTER)
        if move is None:
            assert (why, after(status, event)) == ("not_now", None)
        else:
            assert why == (None if actor in move.by else "not_yours"), (status, event, actor)
            assert after(status, event) is move.to
    for status, actor in itertools.product(S, A):
        assert refusal(status, "fax", actor, {}) == "not_now"
        assert after(status, "fax") is None


def test_what_must_be_carried_is_asked_for() -> None:
    for (status, event), move in CASE_TABLE.items():
        actor = next(iter(move.by))
        for field in move.needs:
            for nothing in ("", "  \n"):
                given = full(event) | {field: nothing}
                why = refusal(status, event, actor, given, WaitReason.REPORTER)
                assert why == f"missing_{field}"
    assert refusal(S.IN_PROGRESS, "wait", A.OFFICER, {"wait": "tea"}) == "wrong_wait"
    assert refusal(S.VERIFYING, "reject", A.TRIAGE, {"reason": "dislike"}) == "wrong_reason"
    assert refusal(S.ROUTED, "decline", A.OFFICER, {"reason": "not_ours"}) == "missing_unit"


def test_a_reply_ends_only_a_wait_for_the_reporter() -> None:
    waits = {wait: refusal(S.WAITING, "reply", A.REPORTER, {}, wait) for wait in WaitReason}
    assert waits == {
        WaitReason.REPORTER: None,
        WaitReason.THIRD_PARTY: "not_now",
        WaitReason.STATUTORY: "not_now",
    }
    assert refusal(S.NEEDS_INFO, "reply", A.REPORTER, {}) is None


def test_a_draft_with_a_message_is_not_given_up_and_all_else_is_as_it_was() -> None:
    for status, event, actor in itertools.product(S, E, A):
        fields, wait = full(event), WaitReason.REPORTER
        why = refusal(status, event, actor, fields, wait, message=True)
        without = refusal(status, event, actor, fields, wait)
        assert why == ("not_now" if event is E.ABANDON else without)


def test_what_is_final_is_left_by_reopening_alone_or_by_coming_back() -> None:
    left = {
        (of, event) for (of, event), move in CASE_TABLE.items() if of in FINAL and move.to != of
    }
    reopened = {(of, E.REOPEN) for of in (S.CLOSED, S.REJECTED, S.REFERRED_OUT)}
    assert left == reopened | {(S.ABANDONED, E.FILE)}


def reachable(start: CaseStatus) -> set[CaseStatus]:
    seen, look = set[CaseStatus](), [start]
    while look:
        status = look.pop()
        if status not in seen:
            seen.add(status)
            look += [move.to for (of, _), move in CASE_TABLE.items() if of is status]
    return seen


def test_every_status_is_reached_and_nobody_is_caught() -> None:
    assert reachable(S.DRAFT) == set(S)
    for status in OPEN:
        assert reachable(status) & {S.CLOSED, S.REJECTED}, status


@pytest.mark.parametrize("status", OPEN)
def test_a_reporter_may_always_withdraw_and_nobody_else(status: CaseStatus) -> None:
    assert after(status, "withdraw") is S.WITHDRAWN
    assert [actor for actor in A if refusal(status, "withdraw", actor, {}) is None] == [A.REPORTER]


def test_who_is_bound_by_a_limit() -> None:
    bound = {
        (event, actor, limit)
        for (_, event), move in CASE_TABLE.items()
        for actor, limit in move.by.items()
        if limit is not None
    }
    assert bound == {
        (E.ABANDON, A.SYSTEM, Code.DRAFT),
        (E.FILE, A.SYSTEM, Code.DRAFT),
        (E.NO_REPLY, A.SYSTEM, Code.NO_REPLY),
        (E.SILENCE, A.SYSTEM, Code.SILENCE),
        (E.REOPEN, A.REPORTER, Code.REOPEN),
        (E.ROUTE, A.TRIAGE, Code.DECLINES),
    }


def test_each_status_is_told_in_short_and_in_both_languages() -> None:
    assert statuses.WORDING.keys() == set(S)
    texts = [
        *(statuses.told(status, wait) for status in S for wait in (None, *WaitReason)),
        *(text for reasons in statuses.REASONS.values() for text in reasons.values()),
    ]
    for text in texts:
        assert text.keys() == {"id", "en"}
        assert all(3 < len(words) <= 60 for words in text.values()), text
    plain = [statuses.told(status)["id"] for status in S]
    assert len(set(plain)) == len(plain)


def test_a_wait_is_told_as_what_it_is() -> None:
    reporter = statuses.told(S.WAITING, WaitReason.REPORTER)
    assert reporter == statuses.told(S.NEEDS_INFO)
    assert statuses.told(S.WAITING, WaitReason.THIRD_PARTY) == statuses.told(S.WAITING)
    assert statuses.told(S.WAITING, WaitReason.STATUTORY) != statuses.told(S.WAITING)
    assert statuses.told(S.ROUTED, WaitReason.REPORTER) == statuses.told(S.ROUTED)


def test_the_words_of_others() -> None:
    words = {statuses.WORDING[status].lapor for status in S}
    assert words == {"belum", "proses", "selesai", "ditunda", "dihapus"}
    finished = {status for status in S if statuses.WORDING[status].lapor in ("selesai", "dihapus")}
    assert finished == FINAL - {S.REFERRED_OUT, S.MERGED}
    assert {status for status in S if statuses.open311(status) == "closed"} == FINAL


def test_flows_have_words_for_the_same_statuses() -> None:
    assert set(needs.STATUSES) == {status.value for status in S}
