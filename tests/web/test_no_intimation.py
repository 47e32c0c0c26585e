"""Nobody outside can learn from us that there is a complaint (ILO C81, article 15(c)).

An employer asks: with a number that they found, with a guessed PIN, without one, from their own
telephone, and from one that pretends to be the worker's. Each answer on each surface is compared,
with the SQL behind it, with the answer where there is no complaint at all. What surfaces there are
is taken from the code, so that a new one is walked too, or fails here until somebody has thought
about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import typing
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, event
from websockets.exceptions import InvalidStatus

from callcenter import line, resources
from callcenter.cases import numbers, pins, tables
from callcenter.cases import service as cases
from callcenter.cases.facts import NoteKind
from callcenter.cases.reporters import service as reporters
from callcenter.cases.reporters.service import Form
from callcenter.cases.rules import Rules
from callcenter.cases.service import CaseForm
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.ivr import needs
from callcenter.messages import service as messages
from callcenter.messages.model import Channel, Letter
from callcenter.messages.texts import MAILS, TEMPLATES
from callcenter.web import errors
from callcenter.web.doors import Anyone
from callcenter.web.factory import door_of, routes_of
from callcenter.web.status import Telling, _told
from tests.db.test_post import TEXTS, Office, written
from tests.hotline import Hotline
from tests.web.conftest import Browser, House

E, A = CaseEvent, Actor
#: What an employer would know again; none of it looks like anything else that we say.
STORY, EMPLOYER, NAME = "Narasirahasia", "Perusahaanrahasia", "Namarahasia"
INSIDE, TOLD = "Catatandalam", "Catatanpublik"
MARKERS = (STORY, EMPLOYER, NAME, INSIDE)
WORKER, COMPANY, STRANGER = "+6281298765432", "+622155500001", "+6281387654321"


class Complaint(typing.NamedTuple):
    """A case that has everything. ``nobodys``: a number as good, which nobody has."""

    case: str
    number: str
    pin: str
    nobodys: str

    @property
    def guess(self) -> str:
        return f"{(int(self.pin) + 1) % 1_000_000:06d}"


def complain(conn: Connection, keys: Keys, given: Given, rules: Rules, **more: str) -> Complaint:
    """A worker complains about their employer; triage and a unit have worked on it."""
    shared = (conn, keys, given, rules)
    case, number, _ = cases.open_case(
        *shared, call=None, call_key=None, topic=more.get("topic", "upah"), language="id"
    )
    form = CaseForm(
        1,
        narrative=more.get("narrative", STORY),
        employer=more.get("employer", EMPLOYER),
        reporter_name=more.get("name", NAME),
    )
    cases.save(*shared, case=case, agent="sari", form=form, caller=more.get("phone", WORKER))
    work.note(*shared, case=case, kind=NoteKind.INTERNAL, text=INSIDE, by="sari")
    work.note(*shared, case=case, kind=NoteKind.PUBLIC, text=TOLD, by="sari")
    work.move(*shared, case=case, event=E.VERIFY, actor=A.TRIAGE, by="tri")
    pin = pins.choose(given.digits, number)
    assert cases.set_pin(conn, keys, given, case=case, pin=pin) is None
    other = numbers.make_number(int(number[:2]), f"{(int(number[2:9]) + 7) % 10**7:07d}")
    return Complaint(case, number, pin, other)


@contextlib.contextmanager
def listening(database: Database) -> Iterator[list[str]]:
    """Every statement about cases and persons that is run meanwhile."""
    ours = "|".join({table.name for table in vars(tables).values() if isinstance(table, Table)})
    about = re.compile(rf"\b({ours}|message|call)\b")
    heard: list[str] = []

    def note(_conn: object, _cursor: object, text: str, *_: object) -> None:
        if about.search(text):
            # Of however many calls a telephone has made itself.
            heard.append(re.sub(r"IN \((\S+(, )?)+\)", "IN (…)", text))

    engines = (database._write_engine, database._read_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield heard
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


# --- the web --------------------------------------------------------------------------------------


class Walk:
    """Asks every route for one case number, without a sign-in."""

    def __init__(self, house: House, number: str) -> None:
        self.browser: Browser = house.browser()
        self.house = house
        self.number = number

    async def all(self) -> dict[str, tuple[object, ...]]:
        """Route → what it answered, and the statements that it took."""
        found: dict[str, tuple[object, ...]] = {}
        for route in routes_of(self.house.app.web.router):
            path = re.sub(r"{number[^}]*}", self.number, route.path)
            path = re.sub(r"{[^}]*}", "x", path)
            methods = sorted(route.methods or ()) if isinstance(route, APIRoute) else ["live"]
            for method in methods:
                with listening(self.house.app.db) as heard:
                    answer = await self._ask(route, method, path)
                found[f"{method} {route.path}"] = (*answer, heard)
        return found

    async def _ask(
        self, route: APIRoute | APIWebSocketRoute, method: str, path: str
    ) -> tuple[object, ...]:
        if isinstance(route, APIWebSocketRoute):
            with pytest.raises(InvalidStatus) as refused:
                async with self.browser.live("board"):
                    pass
            return (refused.value.response.status_code,)
        asked = {"number": self.number, "query": EMPLOYER, "language": "en"}
        more: dict[str, Any] = {"params": asked}
        if method != "GET":
            more |= {"json": asked | {"username": self.number, "password": EMPLOYER}}
        answer = await self.browser.http.request(method, path, **more)
        if route.path == "/metrics":  # for whoever is on this machine: counts of what was done
            assert not any(one in answer.text for one in (*MARKERS, TOLD, self.number, WORKER))
            return (answer.status_code,)
        return self.plain(answer)

    async def form(self, **fields: str) -> tuple[object, ...]:
        """The public page, asked as its form does."""
        with listening(self.house.app.db) as heard:
            answer = await self.browser.http.post("/status", data=fields)
        return (*self.plain(answer), heard)

    def plain(self, answer: Any) -> tuple[object, ...]:
        headers = [one for one in answer.headers.raw if one[0].lower() != b"date"]
        text = answer.text.replace(self.number, "NUMBER")
        return answer.status_code, headers, text


async def make(house: House) -> Complaint:
    at = Given(house.clock.now())
    app = house.app
    return await app.db.write(
        lambda conn: complain(conn, app.store.keys, at.again(), app.calls.rules)
    )


async def test_no_route_tells_whether_there_is_a_complaint(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    before = await Walk(house, "2400000000").all()
    complaint = await make(house)
    theirs = Walk(house, complaint.number)
    after, nobodys = await theirs.all(), await Walk(house, complaint.nobodys).all()
    assert len(after) > 40
    for route, answer in after.items():
        assert answer == nobodys[route] == before[route], route
    for marker in (*MARKERS, TOLD, complaint.number, WORKER):
        assert marker not in repr(after)
        assert marker not in caplog.text


async def test_the_public_page_answers_the_same_without_the_pin(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    complaint = await make(house)
    theirs, others = (Walk(house, one) for one in (complaint.number, complaint.nobodys))
    answers: list[tuple[object, ...]] = []
    for language in ("id", "en"):
        for pin in (complaint.guess, "", "12345", "rahasia"):
            asked = {"pin": pin, "language": language}
            answers = [await one.form(number=one.number, **asked) for one in (theirs, others)]
            assert answers[0] == answers[1], asked
            assert not any(marker in repr(answers) for marker in (*MARKERS, TOLD))
    assert len(answers[0]) == 4
    for marker in (*MARKERS, TOLD, complaint.number, complaint.pin):
        assert marker not in caplog.text


async def test_with_the_pin_the_page_tells_how_it_stands_and_no_more(house: House) -> None:
    complaint = await make(house)
    _, _, text, _ = await Walk(house, complaint.number).form(
        number=complaint.number, pin=complaint.pin
    )
    assert TOLD in str(text)
    assert not any(marker in str(text) for marker in MARKERS)


async def test_every_open_route_that_takes_something_is_asked_with_a_number(house: House) -> None:
    """Those that are open to anyone and read more than an address: each is probed above, or needs
    nothing of a case. A new one is added here when somebody has thought about it."""
    takes = {
        route.path
        for route in routes_of(house.app.web.router)
        if isinstance(door_of(route), Anyone)
        and isinstance(route, APIRoute)
        and not (route.methods or set()) <= {"GET", "HEAD"}
    }
    calls = "/simulator/calls"  # a telephone: see below
    what = ("keys", "silence", "speak", "hangup", "answer", "busy")
    acts = {f"{calls}/{{call}}/{act}" for act in what}
    assert takes == {"/status", "/api/sign-in", calls} | acts


def test_whose_own_words_an_error_may_carry() -> None:
    """Any other exception answers with a text of the table. These name fields and codes."""
    own = {kind.__name__ for kind, refusal in errors.TABLE.items() if refusal.message is None}
    assert own == {"Throttled", "BadAccount", "NotNow", "BadForm", "Refused", "ResourceMissing"}


# --- the telephone --------------------------------------------------------------------------------


@pytest.fixture
async def hotline(database: Database, keys: Keys, tmp_path: Path) -> typing.AsyncIterator[Hotline]:
    async with Hotline(database, keys, tmp_path) as running:
        yield running


async def told(hotline: Hotline) -> Complaint:
    at = Given(hotline.clock.now())
    return await hotline.database.write(
        lambda conn: complain(conn, hotline.keys, at.again(), hotline.rules)
    )


#: Who calls, and the keys that they press.
Asked = tuple[str | None, tuple[str, ...]]


async def call(hotline: Hotline, caller: str | None, *keys: str) -> tuple[str, str, list[str]]:
    """A call: all that was said, how it stood at the end, and the statements that it took."""
    with listening(hotline.database) as heard:
        leg = await hotline.dial(caller)
        for each in keys:
            if each == "silence":
                await hotline.simulator.silence(leg)
                await hotline.settle()
            else:
                await hotline.press(leg, each)
        state = repr(hotline.state(leg))
        await hotline.hang_up(leg)
    return hotline.heard(leg), state, heard


async def same(hotline: Hotline, theirs: Asked, others: Asked) -> None:
    """What ``theirs`` heard is what ``others`` heard, after the same work, and tells nothing."""
    said, state, done = await call(hotline, theirs[0], *theirs[1])
    as_said, as_stands, as_done = await call(hotline, others[0], *others[1])
    assert (said, state) == (as_said, as_stands), theirs
    assert "\n".join(done) == "\n".join(as_done) != "", theirs
    assert not any(marker in said for marker in (*MARKERS, TOLD))


async def test_a_number_without_its_pin_tells_the_telephone_nothing(
    hotline: Hotline, caplog: pytest.LogCaptureFixture
) -> None:
    complaint = await told(hotline)
    ours, nobodys, guess = complaint.number, complaint.nobodys, complaint.guess
    for caller, keys in (
        (COMPANY, (guess,)),
        (None, ("silence",)),
        (COMPANY, ("12", "#")),
        (None, (guess,)),
        (COMPANY, (guess, "NUMBER", guess)),
        (None, (guess,)),  # the fifth
        (WORKER, (complaint.pin,)),  # locked, whether there is anything behind it or not
        (COMPANY, (complaint.pin,)),
    ):
        theirs, others = (
            tuple(one if key == "NUMBER" else key for key in ("2", "NUMBER", *keys))
            for one in (ours, nobodys)
        )
        await same(hotline, (caller, theirs), (caller, others))
    for marker in (*MARKERS, TOLD, ours, complaint.pin):
        assert marker not in caplog.text


async def test_a_telephone_tells_nothing_whose_it_seems(
    hotline: Hotline, caplog: pytest.LogCaptureFixture
) -> None:
    """It pretends to be the worker's, or is the company's own: both are a stranger's."""
    complaint = await told(hotline)
    for keys in ((), ("1",), ("2",), ("2", "*", "silence")):
        for caller in (WORKER, COMPANY):
            await same(hotline, (caller, keys), (STRANGER, keys))
    for _ in range(7):  # the last ones are locked
        keys = ("2", "*", complaint.guess)
        await same(hotline, (WORKER, keys), (STRANGER, keys))
    for marker in (*MARKERS, TOLD, complaint.number, complaint.pin):
        assert marker not in caplog.text


async def test_with_the_pin_the_telephone_tells_how_it_stands_and_no_more(hotline: Hotline) -> None:
    complaint = await told(hotline)
    said = ""
    for key in "1234567890":
        heard, _, _ = await call(hotline, WORKER, "2", complaint.number, complaint.pin, key)
        said += heard
    assert TOLD in said
    assert not any(marker in said for marker in MARKERS)


def test_what_a_flow_can_know_of_a_case() -> None:
    """Callers hear prompts, and what is filled into them comes from these answers alone."""
    known = {name for answer in typing.get_args(needs.Answer) for name in answer.__struct_fields__}
    assert known == {
        "case", "number", "pin", "status", "topic", "unit", "due", "wait", "late_days",
        "head_told", "note", "can", "reason", "text", "count", "offices", "signed_in", "ready",
        "waiting", "wait_s", "entry", "position", "agent", "call", "known", "refused",
    }  # fmt: skip


def test_what_may_be_filled_into_a_prompt() -> None:
    filled = {
        name
        for file in (resources.flows() / "prompts").glob("*.yaml")
        for name in re.findall(r"{(\w+)[|}]", file.read_text(encoding="utf-8"))
    }
    assert filled == {
        "case_number", "chosen", "due", "key", "label", "late_days", "offices", "opened", "pin",
        "position", "status", "unit", "wait", "wait_minutes", "weakness",
    }  # fmt: skip


def test_what_is_asked_of_a_phone_line() -> None:
    """Besides Turns, which are what is heard above."""
    asked = {
        f"{command.__name__}.{name}"
        for command in typing.get_args(line.Command)
        for name in command.__struct_fields__
    }
    assert asked == {
        "RingLeg.leg", "RingLeg.device", "RingLeg.most_s", "EndLeg.leg", "EndRoom.room",
        "DropRecording.name",
    }  # fmt: skip


# --- whatever was said ----------------------------------------------------------------------------

#: Also what a template, a page or a flow might take for its own.
_said = st.text(
    st.characters(categories=["L", "N"]) | st.sampled_from("{}<>&%$'\"| "), min_size=9, max_size=60
).filter(lambda text: len(text.strip()) > 8)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # to make a long example short would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.fixed_dictionaries(dict.fromkeys(("narrative", "employer", "name"), _said)),
    st.integers(10**8, 10**9 - 1),
)
def test_whatever_was_said_is_said_to_nobody(
    sqlite_url: str, keys: Keys, tmp_path: Path, said: dict[str, str], phone: int
) -> None:
    """Page, telephone and messages, for who has number and PIN."""
    more = said | {"phone": f"+628{phone}"}
    out = asyncio.run(_all_that_is_told(sqlite_url, keys, tmp_path, more))
    assert len(out) > 500
    for secret in said.values():
        for form in (secret, secret.strip(), escape(secret), repr(secret)[1:-1]):
            assert form not in out


async def _all_that_is_told(url: str, keys: Keys, folder: Path, said: dict[str, str]) -> str:
    database = Database(url)
    rules = written(Channel.SMS)
    out = []
    async with Hotline(database, keys, folder) as hotline:
        at = Given(hotline.clock.now())

        def story(conn: Connection) -> tuple[Complaint, list[Letter], work.Standing]:
            made = complain(conn, keys, at.again(), rules, **said)
            person = Form(may_message=True, safe_from=0, safe_until=0)
            reporters.save(conn, keys, at, case=made.case, form=person)
            asked = {"public_note": TOLD}
            work.move(
                conn, keys, at, rules, case=made.case, event=E.NEED_INFO, actor=A.TRIAGE,
                by="tri", fields=asked,
            )  # fmt: skip
            sent = messages.asked(conn, keys, at.now, TEXTS, 100)
            return made, sent, work.standing(conn, keys, rules, made.case, at.now)

        complaint, sent, standing = await database.write(story)
        for key in ("1", "8"):
            heard, _, _ = await call(hotline, None, "2", complaint.number, complaint.pin, key)
            out.append(heard)
    await database.close()
    telling = Telling(standing, 1, ("P32",))
    out += [_told("id", telling, rules, ""), _told("en", telling, rules, "")]
    assert [one.channel for one in sent] == [Channel.SMS]
    return "\n".join([*out, repr(sent)])


# --- what is written ------------------------------------------------------------------------------


@pytest.fixture
def office(database: Database, keys: Keys) -> Office:
    return Office(database, keys, Channel.SMS, Channel.EMAIL)


def test_no_message_says_what_it_is_about(office: Office) -> None:
    """A whole life, with all its letters: to the reporter, the unit, its head, the directorate."""
    at = Given(office.now)
    complaint = office.do(
        lambda conn: complain(conn, office.keys, at.again(), office.rules, topic="upah_tunggak")
    )
    case = complaint.case
    office.set(case, province="32")
    office.person(case, WORKER)
    sent = office.sent()
    steps: list[tuple[CaseEvent, Actor, str | None, dict[str, str]]] = [
        (E.NEED_INFO, A.TRIAGE, "tri", {"public_note": TOLD}),
        (E.REPLY, A.REPORTER, None, {}),
        (E.ROUTE, A.TRIAGE, "tri", {"unit": "P32", "instruction": INSIDE}),
        (E.RECALL, A.TRIAGE, "tri", {"reason": "mistake"}),
        (E.ROUTE, A.TRIAGE, "tri", {"unit": "P32", "instruction": INSIDE}),
        (E.ACCEPT, A.OFFICER, "off", {}),
        (E.FOLLOW_UP, A.OFFICER, "off", {"public_note": TOLD}),
        (E.OBJECT, A.REPORTER, None, {}),
    ]
    for step, actor, by, fields in steps:
        office.move(case, step, actor, by, None, **fields)
        office.remind(case) if step is E.ACCEPT else None
        sent += office.sent()
    office.until(office.now + 400 * 86_400_000)
    sent += office.sent()
    assert {one.channel for one in sent} == {Channel.SMS, Channel.EMAIL}
    assert len(sent) > 8
    for one in sent:
        shown = repr(msgspec.to_builtins(one)).replace(one.recipient, "")
        assert not any(marker in shown for marker in (*MARKERS, TOLD, complaint.pin)), one
        assert not any(word in shown.casefold() for word in ("upah", "gaji", "wage", WORKER)), one
    assert {one.recipient for one in sent if one.channel is Channel.SMS} == {WORKER}
    for kind, text in office.said(case):
        assert not any(marker in text for marker in (*MARKERS, TOLD)), kind


def test_what_may_be_filled_into_a_message() -> None:
    assert {name for names in (TEMPLATES | MAILS).values() for name in names} == {
        "number",
        "link",
        "code",
    }
    assert set(Letter.__struct_fields__) == {
        "id", "channel", "recipient", "text", "params", "content", "asked_at", "provider_id",
        "subject",
    }  # fmt: skip


def test_nothing_else_goes_out() -> None:
    """What reaches other machines: the phone lines and the messenger. Whoever adds another client
    (a webhook, a bridge) walks it here first."""
    clients = re.compile(r"^\s*(?:import|from) (aiohttp|httpx|requests|smtplib|urllib\.request|"
                         r"http\.client|socket|twilio)\b", re.MULTILINE)  # fmt: skip
    folder = Path(inspect.getfile(line)).parent
    found = {
        path.relative_to(folder).parts[0]
        for path in folder.rglob("*.py")
        if clients.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"app.py", "telephony"}
