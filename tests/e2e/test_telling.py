"""A unit is told of a case: from its hand-over by the desk to mail on a mail server, again each
working day until the unit accepts, and to its head when it is late. The application is whole; its
clock jumps."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select, update

from callcenter import settings as settings_module
from callcenter.app import App, assemble, running
from callcenter.calls.service import Done
from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.post import service as post
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.cases.work import service as work
from callcenter.clock import Given, JumpClock
from callcenter.db import Connection, timers
from callcenter.messages import service as messages
from callcenter.messages import tables as message_tables
from tests.e2e.application import flows_with_hours
from tests.e2e.postbox import Postbox, Script
from tests.rules.histories import OPEN
from tests.waiting import LIMIT_S

E, A = CaseEvent, Actor
DESK, HEAD = "desk@p32.example.go.id", "kepala@p32.example.go.id"
DAY_MS = 86_400_000


class Ministry:
    """The application at work, and who is at the desk."""

    def __init__(self, app: App, clock: JumpClock, box: Postbox) -> None:
        self.app, self.clock, self.box = app, clock, box
        self.keys, self.rules = app.store.keys, app.calls.rules
        self.case = self.number = ""

    async def do(self, what: Callable[[Connection, Given], object]) -> None:
        def decide(connection: Connection, given: Given) -> Done:
            what(connection, given)
            return Done()

        await self.app.calls.commit(decide)

    async def opened(self) -> None:
        """A complaint about wages at PT Maju, by Siti."""
        found: list[str] = []

        def complain(connection: Connection, given: Given) -> None:
            _, wrapped = self.keys.make("call:c-1")
            case, number, _ = cases.open_case(
                connection,
                self.keys,
                given,
                self.rules,
                call="c-1",
                call_key=wrapped,
                topic="upah_tunggak",
                language="id",
            )
            form = cases.CaseForm(
                1, narrative="Upah ditahan", reporter_name="Siti", employer="PT Maju"
            )
            cases.save(connection, self.keys, given, self.rules, case=case, agent="sari", form=form)
            there = update(tables.case).where(tables.case.c.id == case).values(province="32")
            connection.execute(there)
            found[:] = [case, number]

        await self.do(complain)
        self.case, self.number = found

    async def move(self, event: CaseEvent, actor: Actor, **fields: str) -> None:
        await self.do(
            lambda conn, given: work.move(
                conn,
                self.keys,
                given,
                self.rules,
                case=self.case,
                event=event,
                actor=actor,
                by="officer",
                fields=fields,
            )
        )

    def mails(self, recipient: str) -> list[EmailMessage]:
        """What the mail server took for ``recipient``."""
        return [
            email.message_from_bytes(one.text, _class=EmailMessage, policy=email.policy.default)
            for one in self.box.mails
            if one.recipients == [f"rcpt TO:<{recipient}>"]
        ]

    async def until(self, true: Callable[[], bool]) -> None:
        """Let the clock jump to whatever is due next, until it is."""
        async with asyncio.timeout(LIMIT_S):
            while not true():
                # Whoever works goes on first; a jump is for when all wait.
                for _ in range(10):
                    await asyncio.sleep(0.002)
                if self.app.db.read_sync(_under_way) or true():
                    continue
                self.clock.jump()
                due = (self.app.db.read_sync(ask) for ask in (timers.next_due, messages.next_due))
                self.clock.set(min((at for at in due if at is not None), default=0))

    def to_phone(self) -> list[str]:
        now = self.clock.now()
        found = self.app.db.read_sync(lambda conn: post.to_phone(conn, now, 10))
        return [one.case for one in found]


def _under_way(connection: Connection) -> bool:
    """Whether mail is being handed over."""
    asked = select(message_tables.message.c.id).where(message_tables.message.c.state == "asked")
    return connection.execute(asked).first() is not None


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """The shipped flows, with addresses for one unit."""
    folder = flows_with_hours(tmp_path / "flows", always_open=True)
    file = folder / "cases" / "units.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    tree["units"]["P32"] |= {"email": DESK, "head": HEAD}
    file.write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


@pytest.fixture
async def ministry(sqlite_url: str, tmp_path: Path, flows: Path) -> AsyncIterator[Ministry]:
    with Postbox() as box:
        settings = settings_module.load(
            {
                "CALLCENTER_VAR": str(tmp_path / "var"),
                "DATABASE_URL": sqlite_url,
                "CALLCENTER_FLOWS": str(flows),
                "PUBLIC_BASE_URL": "https://desk.example.go.id",
                "SMTP_URL": f"smtp://127.0.0.1:{box.port}",
                "MAIL_FROM": "hotline@pusat.example.go.id",
            }
        )
        clock = JumpClock(OPEN)
        app = assemble(settings, clock=clock, speaks=False)
        async with running(app):
            yield Ministry(app, clock, box)


async def test_a_mail_that_is_refused_for_good_has_the_unit_phoned_at_once(
    ministry: Ministry,
) -> None:
    ministry.box.script = Script({"RCPT": "550 no such mailbox"})
    await ministry.opened()
    await ministry.move(E.VERIFY, A.TRIAGE)
    await ministry.move(E.ROUTE, A.TRIAGE, unit="P32")
    assert ministry.to_phone() == []
    await ministry.until(lambda: ministry.to_phone() == [ministry.case])
    assert ministry.clock.now() < OPEN + DAY_MS
    assert ministry.box.mails == []


async def test_a_unit_is_told_until_it_accepts(ministry: Ministry) -> None:
    box = ministry.box
    await ministry.opened()
    await ministry.move(E.VERIFY, A.TRIAGE)
    box.script = Script({"RCPT": "450 greylisted"})
    await ministry.move(E.ROUTE, A.TRIAGE, unit="P32")
    await ministry.until(lambda: sum(line.startswith(b"rcpt") for line in box.heard) >= 2)
    assert box.mails == []
    box.script = Script()
    await ministry.until(lambda: bool(ministry.mails(DESK)))

    (first,) = ministry.mails(DESK)
    number = ministry.number
    spoken = f"{number[:2]}-{number[2:6]}-{number[6:]}"
    assert first["Subject"] == f"Ada kasus yang menunggu unit Anda ({spoken})"
    assert f"https://desk.example.go.id/cases/{number}" in first.get_content()
    handed_over = ministry.clock.now()
    assert ministry.to_phone() == []

    await ministry.until(lambda: len(ministry.mails(DESK)) >= 3)
    again = ministry.mails(DESK)[1:]
    assert {one["Subject"] for one in again} == {f"Kasus {spoken} masih menunggu unit Anda"}
    assert ministry.clock.now() - handed_over >= 2 * DAY_MS - 3_600_000
    await ministry.until(lambda: ministry.to_phone() == [ministry.case])

    await ministry.until(lambda: bool(ministry.mails(HEAD)))
    assert ministry.mails(HEAD)[0]["Subject"] == f"Kasus {spoken} melewati batas waktu"

    await ministry.move(E.ACCEPT, A.OFFICER)
    assert ministry.to_phone() == []
    before = len(ministry.mails(DESK))
    accepted_at = ministry.clock.now()
    await ministry.until(lambda: ministry.clock.now() > accepted_at + 5 * DAY_MS)
    later = [one["Subject"] for one in ministry.mails(DESK)[before:]]
    assert not [subject for subject in later if "menunggu" in subject]

    for one in box.mails:
        said = email.message_from_bytes(one.text, policy=email.policy.default).as_string()
        assert not re.search(r"siti|maju|upah|ditahan|sari", said, re.IGNORECASE)
