"""Any caller at all, through the shipped flows: nothing raises, nothing loops, nobody is lost."""

from __future__ import annotations

import re
from collections import deque

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter import line, resources
from callcenter.ivr import engine, model, needs
from callcenter.ivr.engine import Event, Step
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import load
from callcenter.ivr.pretend import Pretend, PretendCase, settle
from callcenter.ivr.visit import FRAMES, VISIT_BYTES, Frame, Visit, decode_visit
from tests.rules.ivr.small import NOW

FLOWS = load(resources.flows())
NUMBER, LOCKED, PIN = "2648151621", "5720000008", "975310"
SUNDAY = NOW - 2 * 86_400_000
#: A silent caller's whole call is shorter, inputs and seconds.
MOST_INPUTS, MOST_SECONDS = 60, 1500


def keys(digits: str) -> Event:
    return line.DigitsEntered("leg", 1, digits)


def made(seconds: int) -> Event:
    return line.RecordingMade("leg", 1, "recording", seconds)


SILENCE: Event = line.Silence("leg", 1)
PROMPTS_ENDED: Event = line.PromptsEnded("leg", 1)
GONE: Event = line.LegGone("leg", line.Cause.HUNG_UP)
ANSWERS: list[Event] = [
    needs.CaseOpened("c9", NUMBER, PIN),
    needs.CaseFound("c9", NUMBER, "zzz", "no_such_topic", "XYZ", NOW),
    needs.CaseFound("c9", NUMBER, "new", "upah"),
    needs.CaseNotFound(),
    needs.CaseLocked(),
    needs.DraftKnown(),
    needs.CaseResumed("c9", "no_such_topic"),
    needs.CaseAppended(),
    needs.CaseActed("zzz", "XYZ", NOW, "zzz", 12_345, True, True, ("zzz", *needs.EVENTS)),
    needs.CaseRefused("not_now"),
    needs.PinSet(),
    needs.PinWeak("zzz"),
    needs.NoteTold("Pada 12 \u202e Desember \x00 007 dan 12345."),
    needs.OpeningsTold(12_345, ("WAS", "XYZ")),
    needs.Staff(0, 0, 0),
    needs.Staff(3, 1, 12_345, 0),
    needs.QueueJoined("e9", 12_345),
    needs.QueueLeft(),
    needs.PlaceKept("c9"),
    needs.PlaceRefused("withheld"),
    needs.Position(12_345, 9_999_999),
    needs.NeedFailed("gone"),
]
anything: st.SearchStrategy[Event] = (
    st.text("0123456789*#", max_size=12).map(keys)
    | st.sampled_from("0123456789*#").map(keys)
    | st.sampled_from([keys(NUMBER), keys(PIN), keys("1"), keys("2"), keys("9x"), keys("é")])
    | st.just(SILENCE)
    | st.sampled_from([PROMPTS_ENDED, made(0), made(9), needs.Resumed(), needs.CalledBack()])
    | st.sampled_from([needs.TalkEnded("agent"), needs.TalkEnded("caller"), GONE])
    | st.sampled_from(ANSWERS)
)
worlds = st.builds(
    Pretend,
    staff=st.builds(
        needs.Staff,
        st.integers(0, 2),
        st.just(0),
        st.integers(0, 3),
        st.none() | st.integers(0, 9999),
    ),
    cases=st.builds(
        lambda case: {NUMBER: case},
        st.builds(
            PretendCase,
            number=st.just(NUMBER),
            pin=st.just(PIN),
            status=st.sampled_from(["closed", "draft", "waiting", "zzz"]),
            topic=st.just("upah"),
            unit=st.none() | st.just("PHI"),
            due=st.none() | st.just(NOW),
            wait=st.none() | st.sampled_from(needs.WAITS),
            late_days=st.integers(0, 3),
            head_told=st.booleans(),
            note=st.none() | st.just("Tanggal 3."),
            can=st.lists(st.sampled_from(needs.EVENTS), unique=True).map(tuple),
            phone=st.booleans(),
            draft=st.booleans(),
            openings=st.just(("WAS",)),
        ),
    ),
    fail=st.frozensets(
        st.sampled_from(["open_case", "find_case", "append_case", "ask_staff", "join_queue"])
        | st.sampled_from(["leave_queue", "ask_position", "recall_draft", "resume_case"])
        | st.sampled_from(["keep_place", "rejoin"])
        | st.sampled_from(["act_on_case", "choose_pin", "tell_note", "tell_openings"]),
        max_size=2,
    ),
)
moments = st.sampled_from([NOW, SUNDAY])


def check(flows: FlowSet, before: Visit, event: Event, now: int) -> Step:
    """One step, and what must be true of every step."""
    kept = before.encode()
    found = engine.step(flows, decode_visit(kept), event, now)
    assert before.encode() == kept
    assert engine.step(flows, before, event, now) == found
    if found.refused:
        assert found == Step(before, refused=True)
    elif found.visit.finished:
        assert found.wait is None
        assert found.need is None
        assert PIN.encode() not in found.visit.encode()
    else:
        assert (found.wait is None) != (found.need is None)
    encoded = found.visit.encode()
    assert len(encoded) < VISIT_BYTES
    assert decode_visit(encoded) == found.visit
    for part in found.steps:
        assert isinstance(part, line.Pause) or not re.search(r"\d", part.text)
    for note in found.notes:
        assert not re.search(r"\d{4,}", str(note.data))
    if isinstance(found.wait, line.Music):
        assert found.visit.queueing
    return found


@settings(max_examples=300)
@given(st.lists(anything, max_size=40), worlds, moments, st.booleans())
def test_any_events_at_all(events: list[Event], world: Pretend, now: int, settled: bool) -> None:
    """With ``settled`` Needs are answered as a store would; else anything may come."""
    found = engine.begin(FLOWS, flow="main", now=now)
    for event in events:
        if settled:
            found = settle(FLOWS, found, world, now)
        step = check(FLOWS, found.visit, event, now)
        if not step.refused:
            found = step


@pytest.mark.parametrize("flow", sorted(FLOWS.flows))
@settings(max_examples=50)
@given(st.lists(anything, max_size=20), worlds)
def test_any_flow_may_be_begun_by_itself(flow: str, events: list[Event], world: Pretend) -> None:
    found = settle(FLOWS, engine.begin(FLOWS, flow=flow, now=NOW), world, NOW)
    for event in events:
        step = engine.step(FLOWS, found.visit, event, NOW)
        if not step.refused:
            found = settle(FLOWS, step, world, NOW)


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from("0123456789*#") | st.none(), min_size=1, max_size=30), worlds, moments
)
def test_whatever_keys_are_pressed_the_call_comes_to_an_end(
    pressed: list[str | None], world: Pretend, now: int
) -> None:
    """A caller who presses these keys again and again ends with an agent, a message or a
    goodbye."""
    found = settle(FLOWS, engine.begin(FLOWS, flow="main", now=now), world, now)
    for turn in range(400):
        if isinstance(found.wait, line.Gone):
            assert found.said
            return
        key = pressed[turn % len(pressed)]
        event = natural(found.wait, key)
        if isinstance(event, line.Silence) and isinstance(found.wait, line.Music):
            now += (found.wait.seconds or 0) * 1000
        found = settle(FLOWS, check(FLOWS, found.visit, event, now), world, now)
        assert not found.refused
    raise AssertionError(f"still at {found.visit.stage}")


def natural(wait: line.Wait | None, key: str | None) -> Event:
    """What a line reports when the caller presses ``key``, or nothing."""
    if isinstance(wait, line.Recording):
        return made(0 if key is None else 3)
    if isinstance(wait, line.PromptsEnd):
        return PROMPTS_ENDED
    if key is None or (isinstance(wait, line.Music) and key not in wait.keys):
        return SILENCE
    return keys(key)


def silent_end(found: Step, now: int) -> tuple[int, int, Step]:
    """What becomes of a caller who stays silent from here on: turns, seconds, the last step."""
    started = now
    for turn in range(MOST_INPUTS):
        if found.wait is None or isinstance(found.wait, line.Gone):
            return turn, (now - started) // 1000, found
        if isinstance(found.wait, line.Music):
            now += (found.wait.seconds or 0) * 1000
        elif isinstance(found.wait, line.Keys):
            now += found.wait.first_ms
        event = natural(found.wait, None)
        found = settle(FLOWS, engine.step(FLOWS, found.visit, event, now), Pretend(), now)
    raise AssertionError(f"a silent caller is still at {found.visit.stage}")


def every_state() -> list[Step]:
    """Every state that a caller can get to, by any key, any digits and any outcome, but for
    counters of the whole call."""
    cases = {
        NUMBER: PretendCase(
            NUMBER, PIN, "followed_up", "upah", "PHI", NOW, can=needs.EVENTS, draft=True, note="Ya."
        ),
        LOCKED: PretendCase(LOCKED, PIN, "closed", "upah", locked=True),
    }
    doings = [
        SILENCE,
        keys(NUMBER),
        keys(LOCKED),
        keys(PIN),
        keys("12"),
        made(0),
        made(9),
        PROMPTS_ENDED,
    ]
    doings += [keys(key) for key in "0123456789*#"]
    doings += [needs.Resumed(), needs.TalkEnded("agent")]
    seen: dict[bytes, Step] = {}
    for now in (NOW, SUNDAY):
        for staff in (needs.Staff(1, 0, 0, None), needs.Staff(0, 0, 0, None)):
            world = Pretend(staff, cases)
            todo = deque([settle(FLOWS, engine.begin(FLOWS, flow="main", now=now), world, now)])
            while todo:
                found = todo.popleft()
                visit = msgspec.structs.replace(found.visit, inputs=0)
                found = msgspec.structs.replace(found, visit=visit)
                # which draft, topic or language it is makes no difference, nor which matter
                kept = {name: value for name, value in visit.vars.items() if name != "matters"}
                same = msgspec.structs.replace(
                    visit,
                    case_number=None,
                    pin=None,
                    case=None,
                    topic=visit.topic and "any",
                    language="any",
                    vars=kept,
                )
                key = same.encode() + bytes([visit.case is None, visit.pin is None])
                if key in seen:
                    continue
                seen[key] = found
                for event in doings:
                    world.wrong_pins.clear()
                    step = engine.step(FLOWS, visit, event, now)
                    if not step.refused:
                        todo.append(settle(FLOWS, step, world, now))
                    if world.kept is not None:
                        step = engine.step(FLOWS, world.kept, needs.CalledBack(), now)
                        todo.append(settle(FLOWS, step, world, now))
                        world.kept = None
    return list(seen.values())


STATES = every_state()


def test_every_node_is_reached() -> None:
    waiting = {(step.visit.flow, step.visit.node) for step in STATES}
    for flow in FLOWS.flows.values():
        for name, node in flow.nodes.items():
            if isinstance(node, model.Asking | model.RecordMessage | model.WaitMusic):
                assert (flow.flow, name) in waiting


def test_from_everywhere_a_silent_caller_comes_to_an_end() -> None:
    for step in STATES:
        turns, seconds, end = silent_end(step, NOW)
        assert turns <= MOST_INPUTS
        assert seconds <= MOST_SECONDS
        assert end.said[-1] in ("goodbye", "system.sorry", "callback.kept", "callback.later")


def test_zero_is_a_person_wherever_one_chooses_or_keys_something_in() -> None:
    asked = 0
    for step in STATES:
        flow = FLOWS.flows[step.visit.flow]
        node = flow.nodes[step.visit.node]
        if isinstance(node, model.Asking) and flow.operator is not None and node.operator:
            asked += 1
            found = engine.step(FLOWS, step.visit, keys("0"), NOW)
            found = settle(FLOWS, found, Pretend(), NOW)
            assert ("main", "person") in found.path
            assert found.visit.queueing
    assert asked > 10
    without = {
        (flow.flow, name)
        for flow in FLOWS.flows.values()
        for name, node in flow.nodes.items()
        if isinstance(node, model.Asking) and flow.operator is not None and not node.operator
    }
    assert without == {("main", "another")}


def test_everywhere_one_may_hang_up() -> None:
    for step in STATES:
        found = check(FLOWS, step.visit, GONE, NOW)
        assert found.visit.finished
        assert found.visit.stage == step.visit.node
        for later in (SILENCE, keys("1"), GONE, made(3), needs.Resumed(), *ANSWERS):
            assert check(FLOWS, found.visit, later, NOW).refused


def test_every_topic_of_the_menu_is_the_one_that_is_said() -> None:
    menu = FLOWS.flows["main"].nodes["topic"]
    assert isinstance(menu, model.Menu)
    assert [option.topic for option in menu.options.values()] == list(FLOWS.topics)
    assert list(menu.options) == [str(key) for key in range(1, len(FLOWS.topics) + 1)]


def test_every_prompt_is_used_and_every_status_has_its_words() -> None:
    text = "\n".join(text for file, text in FLOWS.sources.items() if file.startswith("flows/"))
    engine_s = (
        *("silence.", "wrong.", "menu.", "language.", "system.", "record.", "collect."),
        *("unit.", "wait.", "weakness."),
    )
    for language, prompts in FLOWS.prompts.items():
        statuses = {f"status.{status}" for status in (*needs.STATUSES, "other")}
        assert statuses <= prompts.keys(), language
        for key in prompts.keys() - statuses:
            assert key in text or key.startswith(engine_s), f"{key} is never said"


def test_the_largest_visit_there_can_be() -> None:
    name = "n" * 24
    largest = Visit(
        flow_set="f" * 64,
        flow="x" * 32,
        node="x" * 32,
        language="id",
        timezone="America/Argentina/ComodRivadavia",
        expects="ask_position",
        part="recording",
        frames=tuple(Frame("x" * 32, "x" * 32) for _ in range(FRAMES)),
        queueing=True,
        finished=True,
        gone=True,
        left_at="x" * 32,
        erred=True,
        always_open=True,
        silences=9,
        wrongs=9,
        repeats=9,
        inputs=999,
        visited=999,
        joined_at=NOW,
        topic="t" * 24,
        case="c" * 36,
        case_number="1" * 10,
        pin="1" * 6,
        status="s" * 24,
        unit="U" * 16,
        due=NOW,
        claim="opened",
        waits_for="third_party",
        late_days=99999,
        head_told=True,
        note=True,
        can=needs.EVENTS,
        weakness="repeat",
        position=99999,
        wait_s=99999,
        recording="r" * 80,
        recorded_s=600,
        vars={f"{index:02d}{name[2:]}": "1" * 20 for index in range(model.VARIABLES)},
    )
    assert len(largest.encode()) < VISIT_BYTES
