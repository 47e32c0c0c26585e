"""A flow as a graph: which node leads where, and which nodes wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from callcenter.ivr import model
from callcenter.ivr.source import Path

#: Fields whose name is the exit's and whose value is a node.
_FIELDS = (
    "next",
    "on_fail",
    "on_silence",
    "on_refuse",
    "on_empty",
    "open",
    "closed",
    "holiday",
    "found",
    "not_found",
    "locked",
    "refused",
    "weak",
    "nothing",
    "star",
    "answered",
    "timeout",
    "nobody",
    "refused",
)
#: Nodes that a call can end at.
ENDS = (model.Hangup, model.Return, model.Leave, model.Callback, model.Rejoin)


@dataclass(frozen=True)
class Exit:
    """A way out of a node: ``path`` is its field below the node, ``label`` its name or key."""

    path: Path
    label: str
    to: str


def exits(flow: model.Flow, node: model.Node) -> Iterator[Exit]:
    """Every way out of ``node`` that stays in its flow, as written (targets may be unknown)."""
    yield from _keyed(node)
    for name in _FIELDS:
        target = getattr(node, name, None)
        if isinstance(target, str):  # `star` of a find is a flag
            yield Exit((name,), name, target)
    if flow.operator is not None and isinstance(node, model.Asking) and offers_operator(node):
        yield Exit(("operator",), "0", flow.operator)


def _keyed(node: model.Node) -> Iterator[Exit]:
    if isinstance(node, model.Menu):
        for key, option in node.options.items():
            yield Exit(("options", key, "to"), key, option.to)
    elif isinstance(node, model.WaitMusic):
        for key, target in node.keys.items():
            yield Exit(("keys", key), key, target)
    elif isinstance(node, model.Queue | model.CallFlow):
        for name, target in node.exits.items():
            yield Exit(("exits", name), name, target)
    elif isinstance(node, model.Branch):
        for index, case in enumerate(node.cases):
            yield Exit(("cases", index, "to"), case.when, case.to)
        yield Exit(("else",), "else", node.otherwise)


def offers_operator(node: model.Asking) -> bool:
    """Whether key 0 means the operator there (if the flow has one)."""
    return node.operator and not (isinstance(node, model.Collect) and node.min == 1)


def waits(node: model.Node) -> bool:
    """Whether the caller has something to do, or to hear to its end, before the flow goes on."""
    if isinstance(node, model.Say):
        return not node.barge_in
    return isinstance(
        node,
        model.Asking
        | model.LanguageChoice
        | model.RecordMessage
        | model.WaitMusic
        | model.Queue
        | model.CallFlow,
    )


def reachable(flow: model.Flow, roots: Iterable[str]) -> set[str]:
    """The nodes that can be reached from ``roots``."""
    seen: set[str] = set()
    todo = [root for root in roots if root in flow.nodes]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            ways = exits(flow, flow.nodes[node])
            todo += [way.to for way in ways if way.to in flow.nodes]
    return seen


def finishing(flow: model.Flow) -> set[str]:
    """The nodes from which an end can be reached."""
    done = {name for name, node in flow.nodes.items() if isinstance(node, ENDS)}
    while True:
        more = {
            name
            for name, node in flow.nodes.items()
            if name not in done and any(way.to in done for way in exits(flow, node))
        }
        if not more:
            return done
        done |= more


def restless(flow: model.Flow) -> set[str]:
    """The nodes of circles in which nothing waits for the caller."""
    inner = {name for name, node in flow.nodes.items() if not waits(node)}
    ways = {name: {way.to for way in exits(flow, flow.nodes[name])} & inner for name in inner}
    while True:
        # what leads to nothing, or is led to by nothing, is not part of a circle
        targets = {to for name in ways for to in ways[name]}
        ways = {name: to & ways.keys() for name, to in ways.items() if to and name in targets}
        if all(to for to in ways.values()) and all(
            any(name in to for to in ways.values()) for name in ways
        ):
            return set(ways)
