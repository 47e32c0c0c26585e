"""Callers' journeys as real calls on a real Asterisk. All of them, on the simulator, are in
``test_journeys.py``; these are told side by side, because most of each is waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from callcenter import settings as settings_module
from callcenter.cases import tables
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.store import open_store, read_rules
from tests.e2e.application import Application
from tests.e2e.conftest import Make
from tests.e2e.desks import Desk, desks, sign_in
from tests.e2e.exchange import Exchange
from tests.e2e.phones import AgentPhone, Phone, Phones, until
from tests.e2e.test_stories import call_of, kinds, row, wait_stage
from tests.e2e.traces import traces
from tests.e2e.wire import Wire

BEEP_HZ = 1000
CALLED_BACK = "+6282600000001"


def write(desk: Desk, talk: dict[str, Any], **fields: object) -> None:
    desk.console.put(
        f"/api/agent/calls/{talk['id']}/case", version=talk["case"]["version"], **fields
    )


def case_of(hotline: Application, number: str) -> Any:
    (found,) = hotline.rows("SELECT * FROM case_record WHERE number = :n", n=number)
    return found


def links(hotline: Application, case: str) -> list[Any]:
    return hotline.rows('SELECT * FROM call_case WHERE "case" = :c ORDER BY at', c=case)


def followed_up(hotline: Application, number: str) -> None:
    """The desk passes the complaint on to a unit, which does its part."""
    settings = settings_module.load(hotline.environment)
    rules, store = read_rules(settings), open_store(settings)
    case = case_of(hotline, number).id

    def move(conn: Connection, event: CaseEvent, actor: Actor, **fields: str) -> None:
        by = "rina" if actor is Actor.OFFICER else None
        given = Given(store.clock.now())
        shared = (conn, store.keys, given, rules)
        work.move(*shared, case=case, event=event, actor=actor, by=by, fields=fields)

    def all_of_it(conn: Connection) -> None:
        of_jawa_barat = update(tables.case).where(tables.case.c.id == case).values(province="32")
        conn.execute(of_jawa_barat)
        move(conn, CaseEvent.VERIFY, Actor.TRIAGE)
        move(conn, CaseEvent.ROUTE, Actor.TRIAGE, unit="P32")
        move(conn, CaseEvent.ACCEPT, Actor.OFFICER)
        move(conn, CaseEvent.FOLLOW_UP, Actor.OFFICER, public_note="Sudah dibayar.")

    try:
        store.db.write_sync(all_of_it)
    finally:
        store.close()


def complained(desk: Desk, caller: Phone, keys: str, **fields: object) -> tuple[str, str]:
    """A complaint from the menu to the wrap-up; its number and PIN."""
    caller.press(keys)
    talk = desk.console.wait_state("talking")["call"]
    write(desk, talk, **({"narrative": "Upah tiga bulan ditahan."} | fields))
    caller.hang_up()
    desk.console.wait_state("wrap_up")
    desk.console.wrap_up()
    return talk["case"]["number"], talk["case"]["pin"]


def a_caller_hangs_up_in_the_menu(hotline: Application, exchange: Exchange, phones: Phones) -> None:
    (caller,) = phones.call("+6282100001")
    call = call_of(hotline, exchange, caller)
    caller.press("1")
    wait_stage(hotline, call, "topic")
    caller.hang_up()
    until(lambda: row(hotline, call).state == "ended", "the call has ended")
    ended: Any = row(hotline, call)
    assert (ended.stage, ended.cause, ended.case) == ("topic", "hung_up", None)
    assert not hotline.rows("SELECT 1 FROM call_case WHERE call = :c", c=call)
    assert not {"queued", "abandoned", "left_queue"} & set(kinds(hotline, call))


def a_ticket_is_checked_and_a_statement_added(
    hotline: Application, exchange: Exchange, phones: Phones
) -> None:
    (desk,) = desks(hotline, phones, "jamsos", "jaminan", hertz=800)
    sign_in(hotline, [desk], ready=True)
    (first,) = phones.call("+6282200001")
    number, pin = complained(desk, first, "13", topic="jamsos_daftar")
    followed_up(hotline, number)
    (caller,) = phones.call("+6282200002", tone=440)
    call = call_of(hotline, exchange, caller)
    caller.press("2" + number + pin)
    wait_stage(hotline, call, "more")
    case = case_of(hotline, number)
    assert [link.role for link in links(hotline, case.id)] == ["opened", "status_query"]
    caller.press("2")
    wait_stage(hotline, call, "ask_objection")
    caller.press("1")
    wait_stage(hotline, call, "record_objection")
    caller.press("1")  # agreed
    until(lambda: caller.heard(time.time() - 0.5).level(BEEP_HZ) > 0.8, "the beep")
    caller.speak()
    until(lambda: caller.said().seconds > 2, "a statement is spoken")
    caller.press("#")
    until(lambda: case_of(hotline, number).status == "in_progress", "it is an objection")
    caller.hang_up()
    assert [link.role for link in links(hotline, case.id)] == ["opened", "continued"]
    until(
        lambda: hotline.rows(
            'SELECT 1 FROM recording WHERE "case" = :c AND file IS NOT NULL', c=case.id
        ),
        "the statement is kept",
    )


def a_wrong_number_and_wrong_pins(hotline: Application, exchange: Exchange, phones: Phones) -> None:
    (desk,) = desks(hotline, phones, "upah", "pin", hertz=800)
    sign_in(hotline, [desk], ready=True)
    (first,) = phones.call("+6282300001")
    number, pin = complained(desk, first, "11")
    swapped = next(
        number[:n] + number[n + 1] + number[n] + number[n + 2 :]
        for n in range(2, 9)
        if number[n] != number[n + 1]
    )
    wrong = f"{(int(pin) + 1) % 1_000_000:06d}"
    case = case_of(hotline, number).id

    def tries() -> int:
        return len(hotline.rows('SELECT 1 FROM pin_attempt WHERE "case" = :c', c=case))

    (thief,) = phones.call("+6282300002")
    call = call_of(hotline, exchange, thief)
    thief.press("2" + swapped)
    until(lambda: told(hotline, call) >= 3, "the number is refused")
    assert (row(hotline, call).stage, tries()) == ("ask_number", 0)
    for n in range(1, 4):
        thief.press(number + wrong)
        until(lambda n=n: tries() == n, "a PIN is refused")  # type: ignore[misc]
    # The third one leads to a person, or where none is there for it, to a message.
    until(lambda: row(hotline, call).case is not None, "a person is offered")
    assert row(hotline, call).case != case
    thief.hang_up()
    for n in (4, 5):
        (again,) = phones.call(f"+628230001{n}")
        call = call_of(hotline, exchange, again)
        again.press("2" + number + wrong)
        until(lambda n=n: tries() == n, "a PIN is refused")  # type: ignore[misc]
        again.hang_up()
    # Now the right one is as good as a wrong one.
    (late,) = phones.call("+6282300016")
    call = call_of(hotline, exchange, late)
    late.press("2" + number + pin)
    wait_stage(hotline, call, "offer_person")
    late.hang_up()
    assert tries() == 5
    assert "status_read" not in kinds(hotline, call)


def told(hotline: Application, call: str) -> int:
    """How many Turns the caller has been given."""
    (leg,) = hotline.rows("SELECT rev FROM leg WHERE call = :c AND role = 'caller'", c=call)
    return int(leg.rev)


def an_accident_now(hotline: Application, exchange: Exchange, phones: Phones) -> None:
    (desk,) = desks(hotline, phones, "k3", "darurat", hertz=800)
    sign_in(hotline, [desk], ready=False)
    (waits,) = phones.call("+6282400001")
    first = call_of(hotline, exchange, waits)
    waits.press("142")
    until(lambda: row(hotline, first).state == "waiting", "somebody waits")
    (caller,) = phones.call("+6282400002", tone=440)
    call = call_of(hotline, exchange, caller)
    pressed = time.time()
    caller.press("3")
    until(lambda: row(hotline, call).state == "waiting", "the caller waits", 40)
    assert caller.heard(pressed).loudness() > 0.001
    order = hotline.rows("SELECT call FROM entry WHERE topic = 'k3' ORDER BY rank")
    assert [entry.call for entry in order] == [call, first]
    desk.console.ready()
    talk = desk.console.wait_state("talking")["call"]
    assert talk["id"] == call
    caller.hang_up()  # the line dies
    desk.console.wait_state("wrap_up")
    case = case_of(hotline, talk["case"]["number"])
    assert (case.topic, case.priority, case.status) == ("kecelakaan", "P0", "draft")
    sql = "SELECT text FROM fact WHERE kind = 'escalated' AND \"case\" = :c"
    until(lambda: hotline.rows(sql, c=case.id), "those on call are told")
    desk.console.wrap_up("dropped")
    desk.console.put("/api/agent/state", state="paused")
    waits.hang_up()


def a_call_drops_and_the_caller_is_back(
    hotline: Application, exchange: Exchange, phones: Phones
) -> None:
    (desk,) = desks(hotline, phones, "phk", "putus", hertz=800)
    sign_in(hotline, [desk], ready=True)
    (caller,) = phones.call("+6282500001")
    first = call_of(hotline, exchange, caller)
    caller.press("12")
    talk = desk.console.wait_state("talking")["call"]
    number, pin = talk["case"]["number"], talk["case"]["pin"]
    write(desk, talk, employer="PT Maju")
    caller.hang_up()
    desk.console.wait_state("wrap_up")
    desk.console.wrap_up("dropped")
    assert case_of(hotline, number).status == "draft"

    (back,) = phones.call("+6282500001")
    second = call_of(hotline, exchange, back)
    back.press("1")
    wait_stage(hotline, second, "left_off")
    back.press("1")
    talk = desk.console.wait_state("talking")["call"]
    assert (talk["case"]["number"], talk["case"]["employer"]) == (number, "PT Maju")
    back.hang_up()
    desk.console.wait_state("wrap_up")
    desk.console.wrap_up("dropped")

    (elsewhere,) = phones.call("+6282500002")
    third = call_of(hotline, exchange, elsewhere)
    elsewhere.press("2" + number + pin)
    wait_stage(hotline, third, "more")
    elsewhere.press("9")
    talk = desk.console.wait_state("talking")["call"]
    write(desk, talk, narrative="Di-PHK tanpa pesangon.")
    elsewhere.hang_up()
    desk.console.wait_state("wrap_up")
    desk.console.wrap_up()
    case = case_of(hotline, number)
    assert case.status == "new"
    found = links(hotline, case.id)
    assert [link.call for link in found] == [first, second, third]
    assert [link.role for link in found] == ["opened", "continued", "continued"]
    assert [link.resumes for link in found] == [None, first, second]


def nobody_is_free_and_the_caller_is_called_back(
    hotline: Application, exchange: Exchange, phones: Phones
) -> None:
    """And then passed on to the ministry for migrant workers. The time until it is tried again is
    left out; on the simulator it goes by."""
    (desk,) = desks(hotline, phones, "pmi", "kembali", hertz=800)
    sign_in(hotline, [desk], ready=False)
    port = int(exchange.asterisk.trunk_peer.rsplit(":", 1)[1])
    trunk = phones.agent(answers=False, speaks=False, port=port)
    (caller,) = phones.call(CALLED_BACK)
    first = call_of(hotline, exchange, caller)
    caller.press("15")
    until(lambda: row(hotline, first).state == "waiting", "the caller waits", 40)
    caller.press("1")
    until(lambda: "place_kept" in kinds(hotline, first), "the place is kept", 40)
    caller.wait_over()
    (entry,) = hotline.rows("SELECT * FROM entry WHERE callback")
    second, rank = entry.call, entry.rank
    assert second != first
    desk.console.ready()
    until(lambda: len(trunk.calls) == 1, "the carrier is asked", 60)
    assert desk.console.wait_state("offered")["call"]["state"] == "dialling"
    trunk.calls[0].busy()
    until(lambda: "not_reached" in kinds(hotline, second), "it is busy")
    hotline.change("UPDATE entry SET call_from = 0 WHERE id = :id", id=entry.id)
    desk.console.put("/api/agent/state", state="paused")
    desk.console.ready()
    until(lambda: len(trunk.calls) == 2, "the carrier is asked again", 60)
    back, rang = trunk.calls[1], time.time()
    back.answer()
    until(lambda: back.heard(rang).seconds > 3, "what is said to whoever picks up")
    back.press("1")
    talk = desk.console.wait_state("talking")["call"]
    assert talk["id"] == second
    back.wait_hears(desk.hertz, since=time.time())
    write(desk, talk, narrative="Paspor saya ditahan majikan.")
    passed_on(hotline, desk, second, trunk, back)
    desk.console.wrap_up()
    (entry,) = hotline.rows("SELECT * FROM entry WHERE callback")
    assert (entry.state, entry.tries, entry.rank) == ("answered", 2, rank)
    case = case_of(hotline, talk["case"]["number"])
    assert case.status == "new"
    found = [(link.call, link.role, link.resumes) for link in links(hotline, case.id)]
    assert found == [(first, "opened", None), (second, "opened", first)]
    assert traces(CALLED_BACK, exchange.asterisk.folder, hotline.folder) == []  # nor in the outbox


def passed_on(
    hotline: Application, desk: Desk, call: str, trunk: AgentPhone, citizen: Phone
) -> None:
    """KP2MI is brought into the talk, at first in vain; then the agent leaves it to the citizen."""
    path = f"/api/agent/calls/{call}/body"
    desk.console.put(path, code="KP2MI")
    until(lambda: len(trunk.calls) == 3, "the carrier is asked for KP2MI")
    trunk.calls[2].busy()
    until(lambda: "body_left" in kinds(hotline, call), "it is busy")
    citizen.speak()
    citizen.wait_hears(desk.hertz, since=time.time())  # meanwhile they talk on
    desk.console.put(path, code="KP2MI")
    until(lambda: len(trunk.calls) == 4, "the carrier is asked again")
    kp2mi = trunk.calls[3]
    kp2mi.answer()
    until(lambda: "body_joined" in kinds(hotline, call), "three are in the room")
    kp2mi.speak()
    joined = time.time()
    for voice in (desk.hertz, trunk.process.tone):  # both at once: each is half of what is heard
        until(
            lambda voice=voice: kp2mi.heard(joined).seconds_of(voice, 0.25) > 0.5,  # type: ignore[misc]
            f"KP2MI hears {voice:g} Hz",
        )
    desk.console.post(f"/api/agent/calls/{call}/hangup")
    desk.console.wait_state("wrap_up")
    kp2mi.wait_hears(trunk.process.tone, since=time.time())  # only the citizen's voice is left
    citizen.hang_up()
    kp2mi.wait_over()
    until(lambda: row(hotline, call).state == "ended", "the call has ended")
    kept = kinds(hotline, call)
    wanted = [kind for kind in kept if kind.startswith(("body_", "passed"))]
    tried = ["body_called", "body_left"]
    assert wanted == [*tried, "body_called", "body_joined", "passed_on", "body_left"]


JOURNEYS: tuple[Callable[[Application, Exchange, Phones], None], ...] = (
    a_caller_hangs_up_in_the_menu,
    a_ticket_is_checked_and_a_statement_added,
    a_wrong_number_and_wrong_pins,
    an_accident_now,
    a_call_drops_and_the_caller_is_back,
    nobody_is_free_and_the_caller_is_called_back,
)


@pytest.fixture(scope="module")
def ends(
    make_application: Make,
    exchange: Exchange,
    wire: Wire,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, BaseException | None]:
    """How each journey ended."""
    hotline = make_application().start()
    sip_port = exchange.asterisk.sip_port
    phones = [Phones(tmp_path_factory.mktemp("phones"), wire, sip_port) for _ in JOURNEYS]
    with ThreadPoolExecutor(len(JOURNEYS)) as pool:
        running = [
            pool.submit(one, hotline, exchange, own)
            for one, own in zip(JOURNEYS, phones, strict=True)
        ]
        found = {one.__name__: how.exception() for one, how in zip(JOURNEYS, running, strict=True)}
    for own in phones:
        own.stop()
    if not any(found.values()):
        exchange.wait_empty()
        hotline.wait_settled()
        assert hotline.complaints() == []
    exchange.end_calls()
    return found


@pytest.mark.parametrize("journey", [journey.__name__ for journey in JOURNEYS])
def test_journey(journey: str, ends: dict[str, BaseException | None]) -> None:
    failed = ends[journey]
    if failed is not None:
        raise failed
