"""Nodes that open, find and add to a case."""

from __future__ import annotations

from callcenter.ivr import model, needs
from callcenter.ivr.asking import Event
from callcenter.ivr.walk import Outcome, Walk

CaseNode = model.OpenCase | model.FindCase | model.AppendCase


def enter(walk: Walk, node: CaseNode) -> Outcome:
    """Ask for it."""
    visit = walk.visit
    match node:
        case model.OpenCase():
            if visit.case is not None:
                return node.next
            if visit.topic is None:
                walk.change(topic=node.default_topic)
            return needs.OpenCase(visit.topic or node.default_topic, visit.language)
        case model.FindCase():
            number, pin = visit.vars.get(node.number), visit.vars.get(node.pin)
            if not isinstance(number, str) or not isinstance(pin, str):
                return node.not_found
            return needs.FindCase(number, pin)
    if visit.case is None:
        return _failed(walk, node, "no_case")
    return needs.AppendCase(visit.case, visit.recording, visit.recorded_s)


def take(walk: Walk, node: CaseNode, event: Event) -> Outcome:
    """Keep what is needed of the answer, and nothing of the PIN that was keyed in."""
    if isinstance(node, model.FindCase):
        walk.set({node.pin: None})
    match event:
        case needs.NeedFailed(reason=reason):
            return _failed(walk, node, reason)
        case needs.CaseOpened():
            walk.change(case=event.case, case_number=event.number, pin=event.pin)
        case needs.CaseFound():
            known = event.topic in walk.flows.topics
            walk.change(
                case=event.case,
                case_number=event.number,
                pin=None,
                status=event.status,
                topic=event.topic if known else walk.visit.topic,
                unit=event.unit,
                due=event.due,
            )
        case needs.CaseAppended():
            walk.change(recording=None)
    return _next(node, event)


def _next(node: CaseNode, event: Event) -> Outcome:
    if not isinstance(node, model.FindCase):
        return node.next
    if isinstance(event, needs.CaseFound):
        return node.found
    return node.locked if isinstance(event, needs.CaseLocked) else node.not_found


def _failed(walk: Walk, node: CaseNode, reason: str) -> Outcome:
    if node.on_fail is None:
        return walk.error(reason)
    walk.note("node_failed", node=walk.visit.node, reason=reason)
    return node.on_fail
