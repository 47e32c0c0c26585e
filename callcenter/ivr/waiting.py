"""Nodes around the queue: joining it, what is heard meanwhile, leaving it, and being called back.

A queue node asks who is there, joins, and then walks its waiting flow until that leaves, the time
is up, or from outside a talk ends. An agent who talks to the caller meanwhile replaces the Turn of
the leg; the visit stays where it is.
"""

from __future__ import annotations

from callcenter import line
from callcenter.ivr import model, needs
from callcenter.ivr.asking import Event
from callcenter.ivr.walk import Outcome, Walk

WaitingNode = (
    model.Queue | model.AskPosition | model.WaitMusic | model.Leave | model.Callback | model.Rejoin
)
#: The reason of a LeaveQueue when the queue's ``max_wait_s`` is over.
TIMEOUT = "timeout"


def enter(walk: Walk, node: WaitingNode) -> Outcome:
    """Ask, or play music."""
    match node:
        case model.Queue():
            if walk.visit.queueing:
                return walk.enter_flow(node.while_waiting)
            if walk.visit.topic is None:
                walk.change(topic=node.default_topic)
            return needs.AskStaff(walk.visit.topic or node.default_topic)
        case model.AskPosition():
            return needs.AskPosition()
        case model.WaitMusic():
            return _music(walk, node)
        case model.Callback():
            return needs.KeepPlace()
        case model.Rejoin():
            # Without a queue around it the flow was begun by itself, to try it out.
            return needs.Rejoin() if walk.visit.queueing else line.Gone()
    return needs.LeaveQueue(node.exit)


def take(walk: Walk, node: WaitingNode, event: Event) -> Outcome:
    """Use the answer."""
    match event:
        case needs.NeedFailed(reason=reason):
            return _failed(walk, node, reason)
        case needs.QueueLeft() | needs.PlaceKept():
            return _left(walk, node)
    match node:
        case model.Queue():
            return _joining(walk, node, event)
        case model.WaitMusic():
            if isinstance(event, line.DigitsEntered):
                return node.keys.get(event.digits) or _music(walk, node)
            return node.next
        case model.Callback():
            return node.refused
        case model.Rejoin():
            queue = _back_at_queue(walk)
            walk.change(joined_at=walk.now)
            return walk.enter_flow(queue.while_waiting)
        case model.AskPosition():
            assert isinstance(event, needs.Position)
            walk.change(position=event.position, wait_s=event.wait_s)
            return node.next
    return None


def _joining(walk: Walk, node: model.Queue, event: Event) -> Outcome:
    match event:
        case needs.Staff(signed_in=0):
            return node.nobody
        case needs.Staff():
            topic = walk.visit.topic or node.default_topic
            return needs.JoinQueue(
                topic, node.priority, custodian=node.prefer is not None, language=_spoken(walk)
            )
    assert isinstance(event, needs.QueueJoined)
    walk.change(queueing=True, joined_at=walk.now, position=event.position)
    return walk.enter_flow(node.while_waiting)


def _spoken(walk: Walk) -> str | None:
    """What an agent should speak, where it is not what all of them do."""
    chosen = walk.visit.language
    return walk.visit.speaks or (chosen if chosen != walk.flow.language else None)


def _failed(walk: Walk, node: WaitingNode, reason: str) -> Outcome:
    if isinstance(node, model.AskPosition):
        walk.change(position=None, wait_s=None)
        return node.next
    if isinstance(node, model.Callback):
        return node.refused
    if isinstance(node, model.Queue) and node.on_fail is not None:
        walk.note("node_failed", node=walk.visit.node, reason=reason)
        return node.on_fail
    return walk.error(reason)


def _music(walk: Walk, node: model.WaitMusic) -> Outcome:
    seconds = node.seconds
    if walk.visit.joined_at is not None:
        left_s = _queue(walk).max_wait_s - (walk.now - walk.visit.joined_at) // 1000
        if left_s <= 0:
            return needs.LeaveQueue(TIMEOUT)
        seconds = min(seconds, left_s)
    return line.Music(seconds=seconds, keys="".join(node.keys))


def _queue(walk: Walk) -> model.Queue:
    frame = walk.visit.frames[-1]
    queue = walk.flows.flows[frame.flow].nodes[frame.node]
    assert isinstance(queue, model.Queue)
    return queue


def _left(walk: Walk, node: WaitingNode) -> Outcome:
    if not walk.visit.queueing:
        return line.Gone()  # a waiting flow was begun by itself, to try it out
    reason = node.exit if isinstance(node, model.Leave | model.Callback) else TIMEOUT
    queue = out_of_queue(walk)
    return queue.timeout if reason == TIMEOUT else queue.exits[reason]


def out_of_queue(walk: Walk) -> model.Queue:
    """Out of the waiting flow, back at its queue node, without an entry."""
    queue = _back_at_queue(walk)
    walk.change(queueing=False, joined_at=None, position=None, wait_s=None)
    return queue


def _back_at_queue(walk: Walk) -> model.Queue:
    queue = walk.leave_flow()
    assert isinstance(queue, model.Queue)
    return queue


def called_back(walk: Walk) -> Outcome:
    """Their telephone is answered, not necessarily by them."""
    queue = _back_at_queue(walk)
    walk.change(joined_at=None, inputs=0, erred=False)
    return walk.enter_flow(queue.called_back or queue.while_waiting)


def resumed(walk: Walk) -> Outcome:
    """The agent was lost: say so, and wait from the beginning."""
    queue = _back_at_queue(walk)
    walk.change(joined_at=walk.now)
    walk.say(queue.resumed)
    return walk.enter_flow(queue.while_waiting)
