"""The first stories on Twilio: as they should go, and with every webhook in turn disturbed.

The network and the waiting are a fake's (``tests/fake_twilio``), all else is real. However the
webhooks come, the same cases and calls are there at the end, every call is over, and nobody was
left alone in a room.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from callcenter.cases import service as cases
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.facts import verify
from callcenter.db.keys import Keys
from callcenter.line import Device, DeviceKind
from tests.e2e.asterisk import free_port
from tests.e2e.served import Served
from tests.e2e.town import OUR_NUMBER, TICK_S, AgentAtWork, Citizen, Town
from tests.fake_twilio import FakeTwilio, Fault
from tests.fake_twilio.virtual import run
from tests.rules.cases.kit import shipped_rules
from tests.waiting import until

#: A Tuesday, 10.00 in Jakarta: the hotline is open.
OPEN = 1_795_489_200_000
#: The Sunday before, 21.00 in Jakarta.
CLOSED = 1_795_356_000_000
CALLER = "+628111234567"
KP2MI = "+622129244800"
#: After the last caller is gone, what is lost is still found.
AFTERWARDS_S = 90.0
#: Whoever comes into a room first waits for the other, but not for long.
ALONE_MOST_S = 15.0

COMPLAINS = {"membuat pengaduan baru": "1", "upah dan THR": "1", "untuk melanjutkan": "1"}


# --- the stories ---------------------------------------------------------------------------------


async def first_complaint(town: Town) -> None:
    """A citizen complains about wages; the agent writes it down and ends the talk."""
    await AgentAtWork(town, "sari").sign_on()
    await Citizen(town.twilio.phone(CALLER), COMPLAINS).call()


async def status(town: Town) -> None:
    """A citizen asks for the status of a complaint by number and PIN."""
    number, pin = await town.database.write(lambda connection: _earlier(connection, town))
    asks = {
        "perkembangan pengaduan anda": "2",
        "sepuluh angka nomor": number,
        "enam angka PIN": pin,
        "untuk mendengarnya lagi": "!",
    }
    citizen = Citizen(town.twilio.phone(CALLER), asks)
    await citizen.call()
    assert citizen.handset.said("sudah terdaftar")


def _earlier(connection: Connection, town: Town) -> tuple[str, str]:
    _, wrapped = town.keys.make("call:earlier")
    _, number, pin = cases.open_case(
        connection,
        town.keys,
        Given(town.clock.now()),
        shipped_rules(),
        call="earlier",
        call_key=wrapped,
        topic="upah",
        language="id",
    )
    return number, pin


async def missed(town: Town) -> None:
    """The first agent does not come to the telephone, the second does."""
    await AgentAtWork(town, "ani", answers=None).sign_on()
    await asyncio.sleep(1)
    await AgentAtWork(town, "budi").sign_on()
    await Citizen(town.twilio.phone(CALLER), COMPLAINS).call()


async def leaves(town: Town) -> None:
    """The caller hangs up in the moment in which the agent answers."""
    agent = AgentAtWork(town, "sari", answers=None)
    await agent.sign_on()
    citizen = Citizen(town.twilio.phone(CALLER), COMPLAINS)

    async def both() -> None:
        rang = 0.0
        while citizen.handset.call is not None:
            await asyncio.sleep(TICK_S)
            rang = rang + TICK_S if agent.handset.ringing else 0.0
            if rang >= 2:
                await asyncio.gather(agent.handset.answer(), citizen.handset.hang_up())

    town.lives(both())
    await citizen.call()


async def message(town: Town) -> None:
    """After hours a citizen leaves a message."""
    speaks = {**COMPLAINS, "jika anda setuju": "1", "record": "7s"}
    citizen = Citizen(town.twilio.phone(CALLER), speaks)
    await citizen.call()


async def telephones(town: Town) -> None:
    """One agent's voicemail answers, the other presses 1: no voicemail takes a citizen."""
    ani = Device(DeviceKind.PHONE, "+628130000001")
    await AgentAtWork(town, "ani", ani, presses=False).sign_on()
    await asyncio.sleep(1)
    await AgentAtWork(town, "budi", Device(DeviceKind.PHONE, "+628130000002")).sign_on()
    await Citizen(town.twilio.phone(CALLER), COMPLAINS).call()


async def browser(town: Town) -> None:
    """The agent answers in the browser."""
    await AgentAtWork(town, "sari", Device(DeviceKind.BROWSER, "sari")).sign_on()
    await Citizen(town.twilio.phone(CALLER), COMPLAINS).call()


async def withheld(town: Town) -> None:
    """A citizen who withholds the number leaves none anywhere."""
    await AgentAtWork(town, "sari").sign_on()
    await Citizen(town.twilio.phone(None), COMPLAINS).call()
    numbers = "SELECT id FROM call WHERE number IS NOT NULL OR number_hash IS NOT NULL"
    assert await town.database.read(lambda conn: conn.execute(text(numbers)).all()) == []


async def passed_on(town: Town) -> None:
    """A body of the directory is brought into the talk; the agent leaves, it talks on with the
    citizen, and hangs up."""
    await AgentAtWork(town, "sari", talk_s=30.0).sign_on()
    body = town.twilio.phone(KP2MI)

    async def joins_and_leaves() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            call = (await town.console("sari")).call
            if call is not None and call.state == "talking":
                break
        await town.desk.bring_in("sari", call.id, "KP2MI")
        await until(lambda: body.ringing)
        await body.answer()
        await until(lambda: len(body.talking_to) == 2)
        await until(lambda: len(body.talking_to) == 1)  # the agent has left
        await asyncio.sleep(10)
        assert body.talking_to == {CALLER}
        await body.hang_up()

    joins = town.lives(joins_and_leaves())
    await Citizen(town.twilio.phone(CALLER), COMPLAINS).call()
    await joins


@dataclass(frozen=True)
class Story:
    tell: Callable[[Town], Coroutine[Any, Any, None]]
    start: int = OPEN


STORIES = {
    "first_complaint": Story(first_complaint),
    "status": Story(status),
    "missed": Story(missed),
    "leaves": Story(leaves),
    "message": Story(message, CLOSED),
}
#: Told once, undisturbed.
OTHERS = {
    "telephones": Story(telephones),
    "browser": Story(browser),
    "withheld": Story(withheld),
    "passed_on": Story(passed_on),
}


# --- telling them --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """What is there at the end. ``causes``: why the calls ended, as far as somebody was told."""

    calls: list[tuple[Any, ...]]
    cases: list[tuple[Any, ...]]
    causes: list[tuple[Any, ...]]


def ending(connection: Connection) -> Ending:
    def rows(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(text(query))]

    assert rows("SELECT id FROM leg WHERE state != 'gone'") == []
    assert rows("SELECT id FROM agent WHERE state NOT IN ('ready', 'paused')") == []
    return Ending(
        calls=rows("SELECT line, state, topic, outcome, stage, answered_at IS NULL FROM call"),
        cases=rows(
            "SELECT c.status, c.topic, c.custodian, c.narrative IS NULL, l.role,"
            ' (SELECT count(*) FROM recording r WHERE r."case" = c.id AND r.file IS NOT NULL)'
            ' FROM case_record c JOIN call_case l ON l."case" = c.id ORDER BY l.at, l.role'
        ),
        causes=rows("SELECT cause FROM call"),
    )


@dataclass
class Teller:
    """Tells stories, each in a town and with a database of its own."""

    template: Path
    keys: Keys
    folder: Path
    count: int = 0

    def tell(
        self,
        story: Story,
        plan: dict[int, Fault] | None = None,
        killed_before: int | None = None,
    ) -> tuple[Ending, list[str]]:
        """How it ends, and its webhooks."""
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        path = folder / "callcenter.db"
        shutil.copyfile(self.template, path)
        try:
            return run(self._told(story, f"sqlite:///{path}", folder, plan or {}, killed_before))
        finally:
            shutil.rmtree(folder)

    async def _told(
        self,
        story: Story,
        url: str,
        folder: Path,
        plan: dict[int, Fault],
        killed_before: int | None,
    ) -> tuple[Ending, list[str]]:
        async with Town(url, self.keys, folder, story.start) as town:
            town.twilio.chaos.plan = plan

            between = asyncio.Lock()

            async def before(index: int) -> None:
                async with between:  # what comes meanwhile comes afterwards
                    if index == killed_before:
                        await town.quiet()
                        await town.kill()
                        await town.begin()

            town.twilio.chaos.before = before
            await story.tell(town)
            await asyncio.sleep(AFTERWARDS_S)
            twilio = town.twilio
            disturbed = [hook.index for hook in twilio.webhooks if hook.fault is not None]
            assert disturbed == sorted(plan)
            assert town.deaths == (killed_before is not None)
            assert twilio.live_calls == []
            assert twilio.rooms == []
            assert twilio.problems == []
            assert town.longest_alone_s <= ALONE_MOST_S
            await town.facts()
            verdict = await town.database.read(lambda conn: verify(conn, self.keys))
            assert verdict.bad is None
            return await town.database.read(ending), [str(hook) for hook in twilio.webhooks]


@pytest.fixture
def teller(_sqlite_template: Path, keys: Keys, tmp_path: Path) -> Teller:
    return Teller(_sqlite_template, keys, tmp_path)


COMPLAINT = ("new", "upah", "sari", 0, "opened", 0)
ENDINGS = {
    "first_complaint": Ending(
        [("twilio", "ended", "upah", "complaint", "goodbye", 0)], [COMPLAINT], [("ended",)]
    ),
    "status": Ending(
        [("twilio", "ended", "upah", None, "more", 1)],
        [
            ("draft", "upah", None, 1, "opened", 0),
            ("draft", "upah", None, 1, "status_query", 0),
        ],
        [("hung_up",)],
    ),
    "missed": Ending(
        [("twilio", "ended", "upah", "complaint", "goodbye", 0)],
        [("new", "upah", "budi", 0, "opened", 0)],
        [("ended",)],
    ),
    "leaves": Ending(
        [("twilio", "ended", "upah", None, "music", 1)],
        [("draft", "upah", None, 1, "opened", 0)],
        [("hung_up",)],
    ),
    "message": Ending(
        [("twilio", "ended", "upah", None, "goodbye", 1)],
        [("draft", "upah", None, 1, "opened", 1)],  # until Monday
        [("ended",)],
    ),
}


ENDINGS |= {
    "telephones": ENDINGS["missed"],
    "browser": ENDINGS["first_complaint"],
    "withheld": ENDINGS["first_complaint"],
    "passed_on": ENDINGS["first_complaint"],
}


@pytest.mark.parametrize("name", [*STORIES, *OTHERS])
def test_a_story_as_it_should_go(teller: Teller, name: str) -> None:
    end, _ = teller.tell((STORIES | OTHERS)[name])
    assert end == ENDINGS[name]


#: What happens to one webhook after the other.
DISTURBANCES = [
    Fault.REPEAT,
    Fault.DELAY,
    Fault.DROP,
    *(
        pytest.param(fault, marks=pytest.mark.soak)
        for fault in (Fault.LATE_COPY, Fault.LOSE_ANSWER, Fault.DROP_ONCE, Fault.SERVER_ERROR)
    ),
]


@pytest.mark.parametrize("fault", [Fault.REPEAT, Fault.DELAY, Fault.DROP])
def test_a_complaint_where_it_hinges(teller: Teller, fault: Fault) -> None:
    """The ring, the agent's answer, and the caller's way to the agent: the quick part of what
    follows."""
    story = STORIES["first_complaint"]
    _, hooks = teller.tell(story)
    hinges = [n for n, hook in enumerate(hooks) if "/voice" in hook or "answered" in hook]
    assert len(hinges) == 3
    for index in hinges:
        end, _ = teller.tell(story, {index: fault})
        assert end == ENDINGS["first_complaint"], hooks[index]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", DISTURBANCES)
@pytest.mark.parametrize("name", STORIES)
def test_a_story_with_every_webhook_disturbed(teller: Teller, name: str, fault: Fault) -> None:
    _, hooks = teller.tell(STORIES[name])
    for index, hook in enumerate(hooks):
        end, _ = teller.tell(STORIES[name], {index: fault})
        assert end == ENDINGS[name], hook


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", STORIES)
def test_a_story_with_a_crash_before_every_webhook(teller: Teller, name: str) -> None:
    """kill -9 between any two webhooks: the next one goes on. Why a call ended while nobody was
    there is not known."""
    _, hooks = teller.tell(STORIES[name])
    for index, hook in enumerate(hooks):
        end, _ = teller.tell(STORIES[name], killed_before=index)
        assert (end.calls, end.cases) == (ENDINGS[name].calls, ENDINGS[name].cases), hook
        assert end.causes in (ENDINGS[name].causes, [("restarted",)]), hook


# --- the application as a process -----------------------------------------------------------------


async def test_a_process_is_killed_while_a_caller_listens(tmp_path: Path) -> None:
    """A real kill -9 of the real server: the caller's next key is answered by the next process."""
    async with FakeTwilio(speed=3.0) as twilio:
        settings = {
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_NUMBER": OUR_NUMBER,
            "TWILIO_API_URL": twilio.base_url,
            "SIMULATOR": "off",
        }
        served = Served(tmp_path, free_port(), settings)
        served.environment["PUBLIC_BASE_URL"] = served.url
        await asyncio.to_thread(served.start)
        try:
            at = f"{served.url}/twilio"
            twilio.number(OUR_NUMBER, voice_url=f"{at}/voice", status_callback=f"{at}/status")
            caller = twilio.phone(CALLER)
            await caller.dial(OUR_NUMBER)
            await until(lambda: caller.said("membuat pengaduan baru"))
            await caller.press("1")
            await until(lambda: caller.said("upah dan THR"))
            await asyncio.to_thread(served.stop, signal.SIGKILL)
            await asyncio.to_thread(served.start)
            await caller.press("1")
            # Nobody is signed in, so a message is taken.
            await until(lambda: caller.said("belum ada petugas"))
            await caller.hang_up()
            await until(lambda: not twilio.clock.requests_under_way)
            assert twilio.problems == []
        finally:
            await asyncio.to_thread(served.stop)
