"""What callers do about complaints that exist: go on with a draft, ask, add, object, press.

Who may hear of a case or act on it was settled before (PIN, or opened in this call); here it is
done. Nothing in an answer names the reporter, the employer or what happened.
"""

from __future__ import annotations

import msgspec

from callcenter.calls import tables
from callcenter.calls.model import Call
from callcenter.calls.outgoing import Outgoing
from callcenter.calls.vault import service as vault
from callcenter.cases import service as cases
from callcenter.cases.errors import Refused
from callcenter.cases.followup import service as comeback
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import (
    FINAL,
    Actor,
    CallRole,
    CaseEvent,
    CaseStatus,
    Field,
    WaitReason,
)
from callcenter.cases.units import Level
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.ivr import needs
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentState
from callcenter.topics import upper

#: What a reporter may do besides the events of the life of a case.
_PRESS, _STATEMENT = "press", "statement"


class Stores(msgspec.Struct, frozen=True):
    """What an answer is made from. ``call_key`` is the call's wrapped key; ``outgoing``: whom we
    call back."""

    connection: Connection
    keys: Keys
    given: Given
    rules: Rules
    call_key: bytes
    outgoing: Outgoing


Followed = (
    needs.FindCase
    | needs.RecallDraft
    | needs.ResumeCase
    | needs.ActOnCase
    | needs.ChoosePin
    | needs.TellNote
    | needs.TellOpenings
    | needs.AskCustodian
)


def answer(stores: Stores, call: Call, need: Followed) -> needs.Answer:
    """The answer to ``need``."""
    match need:
        case needs.FindCase():
            return _find(stores, call, need)
        case needs.RecallDraft():
            draft = _draft(stores, call, need.window_s)
            return needs.CaseNotFound() if draft is None else needs.DraftKnown()
        case needs.ResumeCase():
            return _resume(stores, call, need)
        case needs.ActOnCase():
            return _act(stores, call, need)
        case needs.ChoosePin():
            return _choose_pin(stores, call, need)
        case needs.TellNote():
            return needs.NoteTold(_standing(stores, need.case).public_note)
        case needs.TellOpenings():
            count, offices = comeback.openings(stores.connection, need.case)
            return needs.OpeningsTold(count, tuple(spoken(stores.rules, unit) for unit in offices))
        case needs.AskCustodian():
            return needs.Custodian(_custodian(stores, call, need))


def spoken(rules: Rules, unit: str) -> str:
    """What callers hear for ``unit``: the prompts have words for the ministry's own, and for the
    kinds of all others."""
    known = rules.units.units.get(unit)
    return unit if known is None or known.level is Level.PUSAT else known.level.value


def _standing(stores: Stores, case: str) -> work.Standing:
    return work.standing(stores.connection, stores.keys, stores.rules, case, stores.given.now)


def _told(stores: Stores, case: str) -> dict[str, object]:
    """How ``case`` stands, in the words of :class:`needs.CaseFound` and ``CaseActed``."""
    now = _standing(stores, case)
    can = [event.value for event in now.can]
    if now.status not in FINAL:
        if not vault.is_anonymous(stores.connection, case):  # whose voice is not kept
            can.append(_STATEMENT)
        if now.status is not CaseStatus.DRAFT:
            can.append(_PRESS)
    return {
        "status": now.status.value,
        "unit": spoken(stores.rules, now.unit) if now.unit else None,
        "due": now.due,
        "wait": now.wait.value if now.wait else None,
        "late_days": now.late_days,
        "head_told": now.head_told,
        "note": bool(now.public_note),
        "can": tuple(one for one in needs.EVENTS if one in can),
    }


def _find(stores: Stores, call: Call, need: needs.FindCase) -> needs.Answer:
    caller = tables.number_hash(stores.connection, call.id)
    number = need.number
    if number is None:
        # Whose telephone it is can be pretended: one that belongs to no case takes the same work,
        # and has tries of its own, as a case has.
        known = cases.by_caller(stores.connection, caller or "", stores.given.now)
        number = known or caller or call.id
    found = cases.find_case(
        stores.connection,
        stores.keys,
        stores.given,
        call=call.id,
        number=number,
        pin=need.pin,
        caller=caller,
    )
    if found == "locked":
        return needs.CaseLocked()
    if isinstance(found, str):
        return needs.CaseNotFound()
    _keep_anonymous(stores, call, found.id)
    # A caller waits for who knows the upper topic.
    topic = upper(stores.rules.topics, found.topic)
    told = _told(stores, found.id)
    told |= {"case": found.id, "number": found.number, "topic": topic}
    return msgspec.convert(told, needs.CaseFound)


def _draft(stores: Stores, call: Call, window_s: int) -> str | None:
    """What an earlier call from the same number left unfinished."""
    hashed = tables.number_hash(stores.connection, call.id)
    if hashed is None:
        return None
    since = stores.given.now - window_s * 1000
    earlier = tables.recent_calls(stores.connection, hashed, since)
    said = tables.who_rang(stores.connection, stores.keys, call.id)
    if said is not None and said.number is not None:  # calls that became anonymous
        now = stores.given.now
        earlier += tables.who_returns(stores.connection, stores.keys, said.number, now)
    return cases.draft_of(stores.connection, [one for one in earlier if one != call.id], since)


def _keep_anonymous(stores: Stores, call: Call, case: str) -> None:
    """Who comes back to an anonymous case is not known by this call either."""
    if vault.is_anonymous(stores.connection, case):
        vault.keep_caller_off(stores.connection, stores.keys, stores.given, call.id)


def _resume(stores: Stores, call: Call, need: needs.ResumeCase) -> needs.Answer:
    case = need.case or _draft(stores, call, need.window_s)
    if case is None or _standing(stores, case).status is not CaseStatus.DRAFT:
        return needs.CaseNotFound()
    comeback.resume(stores.connection, stores.keys, stores.given.now, call=call.id, case=case)
    _keep_anonymous(stores, call, case)
    topic = cases.load(stores.connection, stores.keys, case).topic
    return needs.CaseResumed(case, upper(stores.rules.topics, topic))


def _act(stores: Stores, call: Call, need: needs.ActOnCase) -> needs.Answer:
    """One thing, whole: where it is refused, what was spoken is not added either."""
    try:
        due = _acted(stores, call, need)
    except Refused as why:
        return needs.CaseRefused(why.code)
    told = _told(stores, need.case)
    return msgspec.convert(told | ({"due": due} if due else {}), needs.CaseActed)


def _acted(stores: Stores, call: Call, need: needs.ActOnCase) -> int | None:
    """Do it; gives when the unit must answer, where it was pressed.

    Raises:
        Refused: it can't be done now.
    """
    shared = (stores.connection, stores.keys, stores.given, stores.rules)
    if need.event == _PRESS:
        work.remind(*shared, case=need.case, call=call.id)
        _continued(stores, call, need.case)
        return comeback.pressed_until(stores.connection, need.case)
    event = CaseEvent.REPLY if need.event == _STATEMENT else CaseEvent(need.event)
    if event is not CaseEvent.REPLY or _is_asked(_standing(stores, need.case)):
        fields = {} if need.reason is None else {Field.REASON.value: need.reason}
        actor = Actor.REPORTER
        work.move(*shared, case=need.case, event=event, actor=actor, call=call.id, fields=fields)
    if need.recording is not None:
        cases.add_message(
            *shared,
            call=call.id,
            case=need.case,
            recording=need.recording,
            seconds=need.seconds,
        )
    _continued(stores, call, need.case)
    return None


def _continued(stores: Stores, call: Call, case: str) -> None:
    """The caller did more than ask."""
    given, role = stores.given, CallRole.CONTINUED
    cases.link(stores.connection, stores.keys, given.now, call=call.id, case=case, role=role)


def _is_asked(now: work.Standing) -> bool:
    """Whether the reporter was asked something, so that a statement is the reply."""
    waits = now.status is CaseStatus.WAITING and now.wait is WaitReason.REPORTER
    return waits or now.status is CaseStatus.NEEDS_INFO


def _choose_pin(stores: Stores, call: Call, need: needs.ChoosePin) -> needs.Answer:
    said = tables.who_rang(stores.connection, stores.keys, call.id)
    weakness = cases.set_pin(
        stores.connection,
        stores.keys,
        stores.given,
        case=need.case,
        pin=need.pin,
        phone=(said.number if said else None) or "",
        call=call.id,
    )
    return needs.PinSet() if weakness is None else needs.PinWeak(weakness.value)


def _custodian(stores: Stores, call: Call, need: needs.AskCustodian) -> str | None:
    """Who has the case in hand, if they could be rung for it now."""
    who = _standing(stores, need.case).custodian
    agent = queue.load_agent(stores.connection, who, lock=False) if who else None
    if agent is None or agent.state is not AgentState.READY or agent.device_on(call.line) is None:
        return None
    return agent.id if need.topic in queue.topics_of(stores.connection, agent.id) else None
