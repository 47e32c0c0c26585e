"""Flow engine: steps a second through the shipped flows, with the visit as JSON in between."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure, one, spread
from callcenter import line, resources, topics
from callcenter.ivr import engine
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import load
from callcenter.ivr.needs import Staff, TalkEnded
from callcenter.ivr.pretend import Pretend, PretendCase
from callcenter.ivr.visit import decode_visit

SECONDS = 3.0
#: A Tuesday, 10.00 in Jakarta: the hotline is open. And the Sunday before, 21.00.
OPEN = 1_795_489_200_000
CLOSED = 1_795_356_000_000
CASE = PretendCase("2600000009", "123456", "in_progress", "upah", "WAS")

#: What a caller does each time that the flow waits for them; "agent": the talk is over.
JOURNEYS: dict[str, tuple[int, tuple[str, ...]]] = {
    "complaint, two wrong keys, agent, number and PIN": (
        OPEN,
        ("7", "", "1", "1", "", "agent", "*", "1", "gone"),
    ),
    "status of a case by number and PIN": (
        OPEN,
        ("2", CASE.number, CASE.pin, "1", "", "gone"),
    ),
    "message out of hours": (CLOSED, ("1", "1", "1", "1", "recording", "gone")),
}


def measure() -> Iterator[Figure]:
    """Walk the journeys, one after the other, for :data:`SECONDS` of the processor's time: the
    engine does nothing but compute, and other programs shall not count."""
    folder = resources.flows()
    codes = topics.load((folder / "topics.yaml").read_text(encoding="utf-8"))
    flows = load(folder, frozenset(codes))
    steps, calls, largest = 0, 0, 0
    events: list[float] = []
    began = time.thread_time()
    while time.thread_time() - began < SECONDS:
        for now, moves in JOURNEYS.values():
            done, size = _walk(flows, now, moves, events)
            steps += done
            calls += 1
            largest = max(largest, size)
    took = time.thread_time() - began
    yield one("engine steps", steps / took, "steps/s of one core", f"{steps / calls:.1f} a call")
    yield spread("one event of a caller, with JSON in and out", events)
    yield one("largest visit", largest, "bytes")


def _walk(flows: FlowSet, now: int, moves: tuple[str, ...], events: list[float]) -> tuple[int, int]:
    """One call; gives the number of engine steps and the size of the largest visit in bytes."""
    pretend = Pretend(staff=Staff(3, 0, 1, 200), cases={CASE.number: CASE})
    steps, largest = 0, 0
    stored = b""
    wait: line.Wait | None = None
    for move in ("begin", *moves):
        began = time.thread_time()
        if move == "begin":
            found = engine.begin(flows, flow="main", now=now)
        else:
            found = engine.step(flows, decode_visit(stored), _event(move, wait), now)
        steps += 1
        while found.need is not None:
            found = engine.step(flows, found.visit, pretend.answer(found.need), now)
            steps += 1
        if found.refused:
            raise AssertionError(f"the flow refused {move!r} at {found.visit.node}: {wait}")
        stored = found.visit.encode()
        events.append(time.thread_time() - began)
        largest = max(largest, len(stored))
        wait = found.wait
    if not decode_visit(stored).finished:
        raise AssertionError(f"the call did not end: {stored!r}")
    return steps, largest


def _event(move: str, wait: line.Wait | None) -> engine.Event:
    match move:
        case "agent":
            return TalkEnded("agent")
        case "gone":
            return line.LegGone("leg", line.Cause.HUNG_UP)
        case "recording":
            return line.RecordingMade("leg", 1, "name", 20)
        case "":
            if isinstance(wait, line.PromptsEnd):
                return line.PromptsEnded("leg", 1)
            return line.Silence("leg", 1)
    return line.DigitsEntered("leg", 1, move)
