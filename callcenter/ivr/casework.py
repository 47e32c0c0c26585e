"""Nodes about a case: opened, found, recalled, told of, acted on.

Only who gave the PIN of a case, or opened it in this call, hears of it or acts on it; whoever calls
from the same telephone may go on with a draft, and hears nothing of it.
"""

from __future__ import annotations

from typing import Any, cast

from callcenter import line
from callcenter.ivr import model, needs
from callcenter.ivr.asking import Event
from callcenter.ivr.reader import READERS
from callcenter.ivr.walk import Outcome, Walk

#: ``Visit.claim``
OPENED, BY_PIN = "opened", "pin"

CaseNode = (
    model.OpenCase
    | model.FindCase
    | model.RecallDraft
    | model.ResumeCase
    | model.ActOnCase
    | model.ChoosePin
    | model.TellCase
    | model.AppendCase
)
#: Classes of the nodes above, for ``match``.
CASE_NODES = (
    model.OpenCase,
    model.FindCase,
    model.RecallDraft,
    model.ResumeCase,
    model.ActOnCase,
    model.ChoosePin,
    model.TellCase,
    model.AppendCase,
)


def enter(walk: Walk, node: CaseNode) -> Outcome:
    """Ask for it."""
    visit = walk.visit
    match node:
        case model.OpenCase():
            if visit.case is not None:
                return node.next
            if visit.topic is None:
                walk.change(topic=node.default_topic)
            topic = node.about or visit.topic or node.default_topic
            return needs.OpenCase(topic, visit.language)
        case model.FindCase():
            return _find(walk, node)
        case model.RecallDraft():
            return needs.RecallDraft(node.window_h * 3600)
        case model.ResumeCase():
            return needs.ResumeCase(visit.case, node.window_h * 3600)
        case model.AppendCase() if visit.case is not None:
            return needs.AppendCase(visit.case, visit.recording, visit.recorded_s)
    if visit.case is None:
        return _failed(walk, node, "no_case")
    return _with_claim(walk, node, visit.case)


def _find(walk: Walk, node: model.FindCase) -> Outcome:
    number, pin = walk.visit.vars.get(node.number), walk.visit.vars.get(node.pin)
    known = isinstance(number, str) or (node.star and number is None)
    if not known or not isinstance(pin, str):
        return node.not_found
    return needs.FindCase(cast("str | None", number), pin)


def _with_claim(walk: Walk, node: CaseNode, case: str) -> Outcome:
    """What is not for everybody who has the telephone in hand."""
    visit = walk.visit
    if not visit.claim:
        return _failed(walk, node, "no_claim")
    match node:
        case model.ActOnCase():
            return needs.ActOnCase(case, node.event, node.reason, visit.recording, visit.recorded_s)
        case model.TellCase():
            return needs.TellNote(case) if node.what == "note" else needs.TellOpenings(case)
        case model.ChoosePin():
            pin = visit.vars.get(node.pin)
            if visit.claim == OPENED and isinstance(pin, str):
                return needs.ChoosePin(case, pin)
            walk.set({node.pin: None})
    return _failed(walk, node, "not_opened")


def take(walk: Walk, node: CaseNode, event: Event) -> Outcome:
    """Keep what is needed of the answer, and nothing of the PIN that was keyed in."""
    if isinstance(node, model.FindCase | model.ChoosePin):
        walk.set({node.pin: None})
    match event:
        case needs.NeedFailed(reason=reason):
            return _failed(walk, node, reason)
        case needs.CaseOpened():
            walk.change(case=event.case, case_number=event.number, pin=event.pin, claim=OPENED)
        case needs.CaseFound():
            walk.change(
                case=event.case,
                case_number=event.number,
                pin=None,
                topic=_known(walk, event.topic),
                claim=BY_PIN,
                **_standing(event),
            )
        case needs.CaseResumed():
            walk.change(case=event.case, topic=_known(walk, event.topic))
        case needs.CaseActed():
            walk.change(recording=None, **_standing(event))
        case needs.CaseAppended():
            walk.change(recording=None)
        case needs.PinSet():
            walk.change(pin=None, weakness=None)
        case needs.PinWeak(reason=reason):
            walk.change(weakness=reason)
    return _next(walk, node, event)


def _known(walk: Walk, topic: str) -> str | None:
    return topic if topic in walk.flows.topics else walk.visit.topic


def _standing(event: needs.CaseFound | needs.CaseActed) -> dict[str, Any]:
    return {
        "status": event.status,
        "unit": event.unit,
        "due": event.due,
        "waits_for": event.wait,
        "late_days": event.late_days,
        "head_told": event.head_told,
        "note": event.note,
        "can": tuple(one for one in event.can if one in needs.EVENTS),
    }


def _next(walk: Walk, node: CaseNode, event: Event) -> Outcome:
    match node:
        case model.FindCase() if isinstance(event, needs.CaseLocked):
            return node.locked
        case model.FindCase() | model.RecallDraft():
            return node.not_found if isinstance(event, needs.CaseNotFound) else node.found
        case model.ResumeCase() if isinstance(event, needs.CaseNotFound):
            return node.not_found
        case model.ActOnCase() if isinstance(event, needs.CaseRefused):
            walk.note("node_failed", node=walk.visit.node, reason=event.reason)
            return node.refused
        case model.ChoosePin() if isinstance(event, needs.PinWeak):
            return node.weak
        case model.TellCase() if isinstance(event, needs.NoteTold | needs.OpeningsTold):
            return _tell(walk, node, event)
    return node.next


def _tell(walk: Walk, node: model.TellCase, told: needs.NoteTold | needs.OpeningsTold) -> Outcome:
    if isinstance(told, needs.NoteTold):
        # Officers write in the language of the ministry, whatever the caller chose.
        language = walk.flow.language
        text = READERS[language].free(told.text or "")
        if not text:
            return node.nothing
        walk.say(node.prompt)
        walk.steps.append(line.Say(text, language))
        return node.next
    if told.count <= 0:
        return node.nothing
    language = walk.visit.language
    offices = dict.fromkeys(walk.words(language, "unit", code) for code in told.offices)
    slots = {"opened": READERS[language].number(told.count), "offices": ", ".join(offices)}
    walk.say(node.prompt, slots)
    return node.next


def _failed(walk: Walk, node: CaseNode, reason: str) -> Outcome:
    if node.on_fail is None:
        return walk.error(reason)
    walk.note("node_failed", node=walk.visit.node, reason=reason)
    return node.on_fail
