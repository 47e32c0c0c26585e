"""More of a day at the hotline, on a real phone line.

The stories share one running application and are told side by side, because most of each is
waiting. Each has a topic and agents of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Row

from callcenter.line import Device, DeviceKind
from tests.e2e.application import Application, Person, after_a_message
from tests.e2e.conftest import Make
from tests.e2e.desks import Talk, desks, sign_in, wait_hears_anything
from tests.e2e.exchange import Exchange
from tests.e2e.phones import Phone, Phones, until
from tests.e2e.wire import Wire

CALLER_HZ = 440.0


def call_of(hotline: Application, exchange: Exchange, caller: Phone) -> str:
    """The id of the caller's call."""
    until(
        lambda: hotline.rows("SELECT 1 FROM leg WHERE id = :l", l=exchange.leg_of(caller.number)),
        "the call has arrived",
    )
    return str(hotline.call_of(exchange.leg_of(caller.number)).id)


def row(hotline: Application, call: str) -> Row[Any]:
    """A call, as it is in the database."""
    found: Row[Any]
    (found,) = hotline.rows("SELECT * FROM call WHERE id = :call", call=call)
    return found


def wait_stage(hotline: Application, call: str, stage: str) -> None:
    until(lambda: row(hotline, call).stage == stage, f"the caller comes to {stage}")


def kinds(hotline: Application, call: str) -> list[str]:
    """The kinds of the Facts of a call, in order."""
    rows = hotline.rows("SELECT kind FROM fact WHERE call = :call ORDER BY id", call=call)
    return [fact.kind for fact in rows]


def status_by_number_and_pin(hotline: Application, exchange: Exchange, phones: Phones) -> None:
    (desk,) = desks(hotline, phones, "upah", "status", hertz=800)
    sign_in(hotline, [desk], ready=True)
    (first,) = phones.call("+6281100001")
    first.press("11")
    talk = desk.console.wait_state("talking")["call"]
    number, pin = talk["case"]["number"], talk["case"]["pin"]
    first.hang_up()
    desk.console.wait_state("wrap_up")
    desk.console.wrap_up()

    (again,) = phones.call("+6281100002")
    call = call_of(hotline, exchange, again)
    wrong = f"{(int(pin) + 1) % 1_000_000:06d}"
    again.press("2" + number + wrong)
    until(lambda: "pin_refused" in kinds(hotline, call), "a wrong PIN is refused")
    again.press(number + pin)
    asked = time.time()
    wait_stage(hotline, call, "more")
    assert "status_read" in kinds(hotline, call)
    wait_hears_anything(again, asked)
    roles = hotline.rows("SELECT role FROM call_case WHERE call = :call", call=call)
    assert [one.role for one in roles] == ["status_query"]
    again.hang_up()


def silence_and_wrong_keys(hotline: Application, exchange: Exchange, phones: Phones) -> None:
    (caller,) = phones.call("+6281200001")
    call = call_of(hotline, exchange, caller)
    wait_stage(hotline, call, "top")

    def told() -> int:
        """How many Turns the caller has been given."""
        (leg,) = hotline.rows("SELECT rev FROM leg WHERE call = :call", call=call)
        return int(leg.rev)

    said = told()
    until(lambda: told() == said + 1, "silence is answered", 40)
    assert row(hotline, call).stage == "top"
    caller.press("8")
    until(lambda: told() == said + 2, "a wrong key is answered")
    assert row(hotline, call).stage == "top"
    pressed = time.time()
    wait_hears_anything(caller, pressed)
    caller.press("1")
    wait_stage(hotline, call, "topic")
    caller.hang_up()
    until(lambda: row(hotline, call).state == "ended", "the call has ended")
    assert row(hotline, call).cause == "hung_up"


def nobody_comes_and_the_next_one_is_asked(
    hotline: Application, exchange: Exchange, phones: Phones
) -> None:
    """A desk phone that rings in vain, and a telephone whose voicemail answers: neither takes a
    citizen. A telephone takes one when somebody presses 1."""
    (deaf,) = desks(hotline, phones, "phk", "tuli", hertz=800, answers=False)
    (next_one,) = desks(hotline, phones, "phk", "sigap", hertz=820)
    sign_in(hotline, [deaf], ready=True)
    sign_in(hotline, [next_one], ready=True)
    trunk = phones.agent(tone=900, port=int(exchange.asterisk.trunk_peer.rsplit(":", 1)[1]))
    hotline.add(
        Person("surat", device=Device(DeviceKind.PHONE, "+628211111111"), topics=("jamsos",)),
        Person("ponsel", device=Device(DeviceKind.PHONE, "+628222222222"), topics=("jamsos",)),
    )
    voicemail = hotline.agent("surat").ready()
    mobile = hotline.agent("ponsel").ready()

    (waits,) = phones.call("+6281300001", tone=CALLER_HZ)
    waits.press("12")
    (other,) = phones.call("+6281300002", tone=CALLER_HZ)
    other.press("13")
    call = call_of(hotline, exchange, waits)

    # The voicemail says its piece; after a while the offer is over.
    until(lambda: len(trunk.calls) == 2, "the second telephone rings", 40)
    spoken_to, taken = trunk.calls
    spoken_to.wait_over()
    assert voicemail.shown["today"]["missed"] == 1
    until(lambda: taken.state == "up", "the second telephone answers")
    assert mobile.state == "offered"
    taken.press("1")
    mobile.wait_state("talking")
    taken.speak()
    other.speak()
    since = time.time()
    other.wait_hears(900, since=since)
    taken.wait_hears(CALLER_HZ, since=since)

    # 15 s of ringing are a miss; the caller has heard music meanwhile, and goes to the next one.
    next_one.console.wait_state("talking", 30)
    assert deaf.phone.calls[0].gone
    waits.speak()
    Talk(waits, next_one, CALLER_HZ).wait_both_hear(time.time())
    assert deaf.console.shown["today"]["missed"] == 1
    offered = [kind for kind in kinds(hotline, call) if kind.startswith(("off", "answered"))]
    assert offered == [
        "offered",
        "offer_rang",
        "offer_timed_out",
        "offered",
        "offer_rang",
        "answered",
    ]
    for caller in (waits, other):
        caller.hang_up()
    taken.wait_over()


def the_caller_hangs_up_while_the_agent_answers(
    hotline: Application, exchange: Exchange, phones: Phones
) -> None:
    (desk,) = desks(hotline, phones, "k3", "tepat", hertz=800, answers=False)
    sign_in(hotline, [desk], ready=True)
    (caller,) = phones.call("+6281400001")
    call = call_of(hotline, exchange, caller)
    caller.press("14")
    rings = desk.phone.wait("ringing")
    rings.answer()
    caller.hang_up()
    rings.wait_over()
    until(lambda: row(hotline, call).state == "ended", "the call has ended")
    state = desk.console.state
    # Either order is right; nobody is left hanging.
    assert state in ("ready", "wrap_up")
    assert ("answered" in kinds(hotline, call)) == (state == "wrap_up")


STORIES: tuple[Callable[[Application, Exchange, Phones], None], ...] = (
    status_by_number_and_pin,
    silence_and_wrong_keys,
    nobody_comes_and_the_next_one_is_asked,
    the_caller_hangs_up_while_the_agent_answers,
)


@pytest.fixture(scope="module")
def told(
    make_application: Make,
    exchange: Exchange,
    wire: Wire,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, BaseException | None]:
    """How each story ended."""
    hotline = make_application().start()
    sip_port = exchange.asterisk.sip_port
    folders = [tmp_path_factory.mktemp("phones") for _ in STORIES]
    phones = [Phones(folder, wire, sip_port) for folder in folders]
    with ThreadPoolExecutor(len(STORIES)) as pool:
        telling = [
            pool.submit(story, hotline, exchange, own)
            for story, own in zip(STORIES, phones, strict=True)
        ]
        ends = {
            story.__name__: one.exception() for story, one in zip(STORIES, telling, strict=True)
        }
    for own in phones:
        own.stop()
    if not any(ends.values()):
        exchange.wait_empty()
        hotline.wait_settled()
        assert hotline.complaints() == []
    exchange.end_calls()
    return ends


@pytest.mark.parametrize("story", [story.__name__ for story in STORIES])
def test_story(story: str, told: dict[str, BaseException | None]) -> None:
    failed = told[story]
    if failed is not None:
        raise failed


def test_a_message_after_hours(
    make_application: Make, closed_flows: object, exchange: Exchange, phones: Phones
) -> None:
    closed = make_application(flows=closed_flows)
    closed.start()
    (caller,) = phones.call("+6281500001", tone=CALLER_HZ)
    call = call_of(closed, exchange, caller)
    caller.press("11")
    wait_stage(closed, call, "number_and_pin")
    caller.press("1")
    wait_stage(closed, call, "record")
    caller.press("1")  # agreed
    until(lambda: caller.heard(time.time() - 0.5).level(1000) > 0.8, "the beep")
    caller.speak()
    until(lambda: caller.said().seconds > 3, "a message is spoken")
    caller.press("#")
    until(lambda: caller.gone, "the hotline says goodbye", 30)
    until(lambda: closed.rows("SELECT 1 FROM recording WHERE file IS NOT NULL"), "it is kept")
    until(lambda: not exchange.recordings(), "Asterisk has deleted it")
    (kept,) = closed.rows("SELECT * FROM recording")
    (case,) = closed.rows("SELECT * FROM case_record")
    assert (kept.call, kept.case) == (call, case.id)
    assert 2 <= kept.seconds <= 6
    (left,) = closed.facts("message_left")
    assert (case.status, case.topic) == (after_a_message(left.at), "upah")
    sealed = (closed.folder / "var" / "recordings" / kept.file).read_bytes()
    assert b"RIFF" not in sealed
    assert "message_left" in kinds(closed, call)
    closed.wait_settled()
