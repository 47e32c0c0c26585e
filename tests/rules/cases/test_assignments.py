"""Assignments: whatever happens, one unit must act, and nothing is handed on for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases import assignments
from callcenter.cases.assignments import (
    ASSIGNMENT_TABLE,
    OPEN,
    Assignment,
    AssignmentEvent,
    AssignmentState,
    Chain,
    Limits,
    Owner,
    Refusal,
    for_head,
    owner,
    step,
)
from callcenter.topics import Track
from tests.rules.cases.kit import shipped_units

UNITS = shipped_units()
LIMITS = Limits()
E, S = AssignmentEvent, AssignmentState
TRACK = Track.PERSELISIHAN


def send(
    chain: Chain, unit: str = "K3216", at: int = 0, *, head: bool = False, track: Track = TRACK
) -> Chain | Refusal:
    return assignments.send(
        chain,
        unit,
        units=UNITS,
        limits=LIMITS,
        track=track,
        province="32",
        at=at,
        head=head,
    )


def sent(chain: Chain = (), unit: str = "K3216", at: int = 0, *, head: bool = False) -> Chain:
    after = send(chain, unit, at, head=head)
    assert isinstance(after, tuple)
    return after


def done(chain: Chain, event: AssignmentEvent, **given: str) -> Chain:
    after = step(chain, event, units=UNITS, limits=LIMITS, **given)
    assert isinstance(after, tuple)
    return after


def declines(chain: Chain) -> Chain | Refusal:
    return step(chain, E.DECLINE, units=UNITS, limits=LIMITS, reason="not_ours", better="P32")


def declined(chain: Chain, better: str = "P32") -> Chain:
    return done(chain, E.DECLINE, reason="not_ours", better=better)


def test_a_unit_is_sent_a_case_accepts_it_and_is_done() -> None:
    chain = sent()
    assert owner(chain, "PTSA", LIMITS) == Owner("K3216")
    chain = done(chain, E.ACCEPT, officer="budi")
    assert chain[-1].officer == "budi"
    assert owner(chain, "PTSA", LIMITS) == Owner("K3216")
    chain = done(chain, E.FINISH)
    assert chain[-1].state is S.DONE
    assert owner(chain, "PTSA", LIMITS) == Owner("PTSA")


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", E)
def test_what_is_not_in_the_table_is_refused(
    state: AssignmentState, event: AssignmentEvent
) -> None:
    chain = (Assignment("K3216", 0, state),)
    after = step(
        chain, event, units=UNITS, limits=LIMITS, officer="budi", reason="why", better="P32"
    )
    if (state, event) in ASSIGNMENT_TABLE:
        assert isinstance(after, tuple)
        assert after[-1].state is ASSIGNMENT_TABLE[state, event]
    else:
        assert after is Refusal.TABLE


def test_final_states_have_no_way_out() -> None:
    left = {state for state, _ in ASSIGNMENT_TABLE}
    assert left == OPEN
    assert step((), E.ACCEPT, units=UNITS, limits=LIMITS, officer="budi") is Refusal.TABLE


def test_who_declines_names_a_better_unit() -> None:
    chain = sent()
    for better, refusal in [
        (None, Refusal.BETTER),
        ("K3216", Refusal.BETTER),
        ("NOBODY", Refusal.UNIT),
    ]:
        assert (
            step(chain, E.DECLINE, units=UNITS, limits=LIMITS, reason="no", better=better)
            is refusal
        )
    assert step(chain, E.DECLINE, units=UNITS, limits=LIMITS, better="P32") is Refusal.REASON
    after = declined(chain)
    assert (after[-1].state, after[-1].better) == (S.DECLINED, "P32")
    # A better unit may be outside: then triage refers it.
    assert declined(chain, "BPJSTK")[-1].better == "BPJSTK"


def test_what_is_given_away_has_a_reason_and_who_accepts_a_name() -> None:
    accepted = done(sent(), E.ACCEPT, officer="budi")
    assert step(sent(), E.ACCEPT, units=UNITS, limits=LIMITS) is Refusal.OFFICER
    assert step(accepted, E.RETURN, units=UNITS, limits=LIMITS) is Refusal.REASON
    assert step(accepted, E.RECALL, units=UNITS, limits=LIMITS) is Refusal.REASON
    assert step(sent(), E.RECALL, units=UNITS, limits=LIMITS) is Refusal.REASON
    assert done(accepted, E.RETURN, reason="moved")[-1].officer == "budi"


def test_a_case_is_sent_to_units_that_may_act() -> None:
    assert send((), "NOBODY") is Refusal.UNIT
    assert send((), "BPJSTK") is Refusal.UNIT
    assert send((), "P31") is Refusal.POWER
    assert send((), "K3216", track=Track.PENGAWASAN) is Refusal.POWER
    assert send((), "P32", track=Track.INTEGRITAS) is Refusal.POWER
    assert isinstance(send((), "ITJEN", track=Track.INTEGRITAS), tuple)
    assert send(sent(), "P32") is Refusal.OPEN


def test_after_two_declines_the_head_of_triage_decides() -> None:
    once = declined(sent())
    assert owner(once, "PTSA", LIMITS) == Owner("PTSA")
    twice = declined(sent(once, "P32"), "K3275")
    assert owner(twice, "PTSA", LIMITS) == Owner("PTSA", head=True)
    assert send(twice, "K3275") is Refusal.HEAD
    decided = sent(twice, "K3275", head=True)
    assert declines(decided) is Refusal.DECIDED


def test_after_three_hops_the_head_of_triage_decides() -> None:
    chain: Chain = ()
    for unit in ("K3216", "P32", "PHI"):
        assert not for_head(chain, LIMITS)
        chain = done(done(sent(chain, unit), E.ACCEPT, officer="x"), E.RETURN, reason="moved")
    assert owner(chain, "PTSA", LIMITS) == Owner("PTSA", head=True)
    assert send(chain, "K3275") is Refusal.HEAD
    assert declines(sent(chain, "K3275", head=True)) is Refusal.DECIDED


def test_the_head_may_send_before_it_has_to_and_that_can_be_declined() -> None:
    assert isinstance(declines(sent((), head=True)), tuple)


def test_limits_are_the_ministrys() -> None:
    once = declined(sent())
    assert for_head(once, Limits(hops=1, declines=9))
    assert for_head(once, Limits(hops=9, declines=1))


moves = st.lists(
    st.one_of(
        st.tuples(
            st.just("send"), st.sampled_from(["K3216", "K3275", "P32", "P31", "PHI", "POLRI"])
        ),
        st.tuples(st.sampled_from(E), st.sampled_from([None, "P32", "K3216", "NOBODY"])),
    ),
    max_size=30,
)


@given(moves, st.booleans())
def test_one_unit_must_act_whatever_happens(
    history: list[tuple[object, str | None]], as_head: bool
) -> None:
    chain: Chain = ()
    for what, unit in history:
        if isinstance(what, AssignmentEvent):
            after = step(
                chain, what, units=UNITS, limits=LIMITS, officer="x", reason="why", better=unit
            )
        else:
            assert unit is not None
            after = send(chain, unit, head=as_head)
        if isinstance(after, Refusal):
            continue
        # Nothing of the past changes, and a chain only grows.
        assert after[: len(chain) - 1] == chain[:-1]
        assert len(after) in (len(chain), len(chain) + 1)
        chain = after
        assert [one.open for one in chain[:-1]] == [False] * (len(chain) - 1)
        who = owner(chain, "PTSA", LIMITS)
        assert who.unit == (chain[-1].unit if chain[-1].open else "PTSA")
        assert not (who.head and chain[-1].open)
    assert sum(one.state is S.DECLINED for one in chain) <= LIMITS.declines
    assert all(one.state is not S.DECLINED for one in chain[LIMITS.hops :])
    assert as_head or len(chain) <= LIMITS.hops
