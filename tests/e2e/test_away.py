"""The application hangs or is away, and the net under it: nobody is left in silence."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.databases import PostgreSQL
from tests.e2e.application import Application, Person, after_a_message
from tests.e2e.asterisk import Asterisk, running_asterisk
from tests.e2e.conftest import Make
from tests.e2e.desks import (
    DISMISSAL,
    GAP_S,
    SECURITY,
    Talk,
    begin_talks,
    desks,
    sign_in,
    wait_hears_anything,
    waiting_calls,
)
from tests.e2e.exchange import Exchange
from tests.e2e.phones import Phones, until
from tests.e2e.traces import traces
from tests.e2e.wire import Wire

HUNG_S = 60.0


def assert_left_alone(talk: Talk, apology: bytes, hung: float, awake: float) -> None:
    """Those who talk heard each other all the while, and no apology."""
    for phone in (talk.caller, talk.agent):
        assert phone.heard(hung - 1, awake + 1).longest_gap_s() <= GAP_S
        assert not phone.heard(hung, awake).contains(apology)
    talk.wait_both_hear(awake)
    assert talk.desk.console.state == "talking"


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("left_message")
def test_hung_for_a_minute(make_application: Make, exchange: Exchange, phones: Phones) -> None:
    application = make_application()
    talkers = desks(application, phones, "upah", "bicara0", "bicara1", hertz=800)
    (queue,) = desks(application, phones, "phk", "antre", hertz=1000)
    (late,) = desks(application, phones, "jamsos", "lambat", hertz=1200, answers=False)
    application.start()
    sign_in(application, [*talkers, queue, late], ready=False)
    talks = begin_talks(application, phones, talkers)
    case = talkers[0].console.shown["call"]["case"]
    waiting = phones.call("+628130000", count=3, tone=0)
    for caller in waiting:
        caller.press(DISMISSAL)
    until(lambda: len(waiting_calls(application, "phk")) == 3, "three wait")
    (rung,) = phones.call("+628140001", tone=0)
    rung.press(SECURITY)
    in_ivr = phones.call("+628120000", count=3, tone=0)
    for caller, keys in zip(in_ivr, ("9", "1", "2"), strict=True):
        caller.press(keys)
    until(
        lambda: {"top", "topic", "ask_number"} <= {call.stage for call in application.calls()},
        "those who listen have come to where they are",
    )
    for caller in (*in_ivr, *waiting, rung):
        caller.speak()  # a telephone that sends nothing for a minute is taken for gone
    late.console.ready()
    ringing = late.phone.wait("ringing")
    order = waiting_calls(application, "phk")

    hung = time.time()
    application.pause()
    (newcomer,) = phones.call("+628150001", tone=0)
    newcomer.speak()
    time.sleep(HUNG_S - (time.time() - hung))
    application.go_on()
    awake = time.time()

    apology = exchange.prompt("apology")
    for caller in (*in_ivr, *waiting, rung, newcomer):
        assert caller.heard(hung, awake).contains(apology), caller.number
    for talk in talks:
        assert_left_alone(talk, apology, hung, awake)
    assert not ringing.gone or late.console.state in ("ready", "paused")

    # All goes on: who waited still has the place, who listened hears the prompt again.
    for caller in (*in_ivr, *waiting, rung, newcomer):
        wait_hears_anything(caller, awake + 0.5)
    assert waiting_calls(application, "phk") == order
    queue.console.ready()
    assert queue.console.wait_state("talking", 40)["call"]["id"] == order[0]
    in_ivr[2].press(case["number"] + case["pin"])
    until(lambda: application.facts("status_read"), "the status was heard", 40)

    for phone in (*in_ivr, *waiting, rung, newcomer, *(talk.caller for talk in talks)):
        phone.hang_up()
    exchange.wait_empty()
    application.wait_settled()
    assert len(application.calls()) == 2 + 3 + 1 + 3 + 1
    assert "Facts are as they were" in application.command("audit", "verify")


@dataclass
class Messenger:
    """A citizen who finds nobody and leaves a message, on an Asterisk of their own."""

    asterisk: Asterisk
    phones: Phones

    def leave_a_message(self) -> str:
        """Two apologies, a message after the beep; the name of the recording. Takes 40 s."""
        exchange = Exchange(self.asterisk)
        (caller,) = self.phones.call("+6281298765432", tone=330)
        for prompt in ("apology", "message"):
            excerpt = exchange.prompt(prompt)
            until(lambda e=excerpt: caller.heard().contains(e), f"{prompt} is heard", 60)  # type: ignore[misc]
        until(lambda: caller.heard(time.time() - 0.5).level(1000) > 0.8, "the beep", 40)
        caller.speak()
        until(lambda: caller.said().seconds > 2.5, "a message is spoken")
        caller.press("#")
        thanks = exchange.prompt("thanks")
        until(lambda: caller.heard().contains(thanks), "thanks are heard", 30)
        caller.wait_over()
        (name,) = exchange.recordings()
        return name


@pytest.fixture(scope="module")
def left_message(
    tmp_path_factory: pytest.TempPathFactory, wire: Wire
) -> Iterator[tuple[Asterisk, Future[str]]]:
    """Begun while the story of the hanging application waits for its minute to pass."""
    folder = tmp_path_factory.mktemp("messenger")
    with running_asterisk(folder / "asterisk") as asterisk, ThreadPoolExecutor(1) as beside:
        phones = Phones(folder / "phones", wire, asterisk.sip_port)
        try:
            yield asterisk, beside.submit(Messenger(asterisk, phones).leave_a_message)
        finally:
            phones.stop()


@pytest.mark.timeout(240)
def test_a_message_left_while_we_are_away_becomes_a_case(
    left_message: tuple[Asterisk, Future[str]], open_flows: Path, tmp_path: Path
) -> None:
    asterisk, leaving = left_message
    name = leaving.result(120)
    exchange = Exchange(asterisk)
    application = Application(tmp_path / "application", asterisk, open_flows)
    try:
        application.start()
        kept = "SELECT * FROM recording WHERE file IS NOT NULL"
        until(lambda: application.rows(kept), "it is kept")
        until(lambda: not exchange.recordings(), "Asterisk has deleted it")
    finally:
        application.stop()
    (call,) = application.calls()
    assert (call.line, call.state, call.number) == ("asterisk", "ended", None)
    (case,) = application.rows(
        'SELECT c.* FROM case_record c JOIN call_case l ON l."case" = c.id WHERE l.call = :call',
        call=call.id,
    )
    (left,) = application.facts("message_left")
    assert case.status == after_a_message(left.at)
    (recording,) = application.rows("SELECT * FROM recording")
    assert (recording.name, recording.call, recording.case) == (name, call.id, case.id)
    assert 2 <= recording.seconds <= 5
    assert application.complaints() == []
    assert traces("+6281298765432", application.folder, asterisk.folder) == []


def test_asterisk_is_restarted(make_application: Make, exchange: Exchange, phones: Phones) -> None:
    application = make_application()
    talkers = desks(application, phones, "upah", "bicara0", hertz=800)
    desks(application, phones, "phk", "antre", hertz=1000)
    application.add(Person("peramban"))  # with the browser's telephone
    application.start()
    sign_in(application, talkers, ready=False)
    application.agent("antre")
    browser = application.agent("peramban")
    account = browser.shown["agent"]["device"]["account"]
    assert exchange.accounts() == [account["username"]]
    begin_talks(application, phones, talkers)
    (waiting,) = phones.call("+6281300000001")
    waiting.press(DISMISSAL)
    until(lambda: waiting_calls(application, "phk"), "one waits")
    (before,) = waiting_calls(application, "phk")

    exchange.asterisk.stop(signal.SIGKILL)
    phones.stop()
    until(lambda: not application.is_ready(), "the application is not ready without its line")
    exchange.asterisk.start()
    until(application.is_ready, "the application is ready again", 40)
    until(lambda: exchange.accounts() == [account["username"]], "the account is pushed again")
    # Who talked is cut off; who waited keeps the place, to be called back.
    until(lambda: len(application.calls("ended")) == 2, "the calls are over")
    assert [call.cause for call in application.calls("ended")] == ["restarted", "restarted"]
    (kept,) = waiting_calls(application, "phk")
    assert kept != before
    (call,) = application.calls("callback")
    assert call.id == kept
    assert browser.shown["agent"]["device"]["account"] == account

    # And the next call comes as if nothing had happened.
    (caller,) = phones.call("+628140001")
    caller.press(DISMISSAL)
    until(lambda: len(waiting_calls(application, "phk")) == 2, "the next one waits")
    assert waiting_calls(application, "phk")[0] == kept
    caller.hang_up()
    exchange.wait_empty()
    over = "UPDATE timer SET due_at = 0 WHERE kind = 'call_limit' AND ref = :call"
    application.change(over, call=kept)  # four days later
    application.wait_settled()
    assert application.facts("given_up")


@pytest.mark.needs("postgresql")
def test_postgresql_is_away_for_a_new_call(
    make_application: Make,
    exchange: Exchange,
    phones: Phones,
    postgresql: PostgreSQL,
    postgresql_url: str,
) -> None:
    application = make_application(database_url=postgresql_url)
    talkers = desks(application, phones, "upah", "bicara0", hertz=800)
    application.start()
    sign_in(application, talkers, ready=False)
    (talk,) = begin_talks(application, phones, talkers)
    (leaver,) = phones.call("+628120002")
    (in_ivr,) = phones.call("+628120001")
    in_ivr.press("1")
    until(lambda: "topic" in {call.stage for call in application.calls()}, "one listens")

    away = time.time()
    postgresql.stop(signal.SIGQUIT)
    try:
        leaver.hang_up()
        (newcomer,) = phones.call("+628150001")
        in_ivr.press("1")
        apology = exchange.prompt("apology")
        for caller in (newcomer, in_ivr):
            until(lambda c=caller: c.heard(away).contains(apology), "the apology", 15)  # type: ignore[misc]
    finally:
        postgresql.start()
    back = time.time()
    until(application.is_ready, "the application is ready again", 30)

    # Nobody was hung up, nothing is half done: both go on, the talk was left alone.
    for caller in (newcomer, in_ivr):
        until(
            lambda c=caller: application.rows(  # type: ignore[misc]
                "SELECT id FROM leg WHERE id = :leg", leg=exchange.leg_of(c.number)
            ),
            "the call is known",
            40,
        )
        wait_hears_anything(caller, back)
    assert talk.caller.heard(away - 1, back + 1).longest_gap_s() <= GAP_S
    talk.wait_both_hear(back)
    for phone in (newcomer, in_ivr, talk.caller):
        phone.hang_up()
    exchange.wait_empty()
    application.wait_settled()
    assert len(application.calls()) == 4
    assert "Facts are as they were" in application.command("audit", "verify")
