"""Messages in writing over a fake Twilio: sent once, whatever goes wrong on the way.

Twilio and the waiting are a fake's (``tests/fake_twilio``), all else is real. The messenger can be
killed between any two lines, and another takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Row, select

from callcenter import resources
from callcenter.clock import Given
from callcenter.db.keys import Keys
from callcenter.messages import rules, service, tables, texts
from callcenter.messages.model import Channel, Letter, Reason
from callcenter.messages.rules import Allowed
from callcenter.messages.sender import Answer
from callcenter.messages.service import About
from callcenter.telephony.messenger import Messenger
from callcenter.telephony.twilio.addresses import Addresses
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.inbox import Inbox
from callcenter.telephony.twilio.messaging import TwilioSender
from callcenter.telephony.twilio.rest import Access, Rest
from callcenter.telephony.twilio.signature import Secrets
from tests.e2e.town import LoopClock, _Database
from tests.fake_twilio import FakeTwilio, Fault, RestFault
from tests.fake_twilio.virtual import run

OURS = "+622150630150"
CITIZEN = "+628111000111"
NUMBER = "26-4815-1621"
TEMPLATE = "HX" + "0a" * 16
NOW = 1_795_489_200_000
HOUR_S = 3600.0
MESSAGES = "/Messages.json"

SHIPPED = (resources.flows() / texts.FILE).read_text(encoding="utf-8")
SAID = texts.load(SHIPPED).text("case_number", "id", {"number": NUMBER})

Send = Callable[[TwilioSender, Letter], Awaitable[Answer]]


class _Disturbed(TwilioSender):
    """A sender that something happens to. ``how`` is given the real one's ``send``."""

    how: Send | None = None

    async def send(self, letter: Letter) -> Answer:
        if self.how is None:
            return await super().send(letter)
        return await self.how(self, letter)


class Office:
    """Twilio, and the part of the hotline that writes."""

    def __init__(self, url: str, keys: Keys) -> None:
        self.keys = keys
        self.twilio = FakeTwilio(speed=1.0)
        self.clock = LoopClock(NOW)
        self.database = _Database(url)
        approved = SHIPPED.replace(
            "  case_number:\n", f"  case_number:\n    whatsapp: {{id: {TEMPLATE}}}\n"
        )
        self.texts = texts.load(approved)
        self.allowed = Allowed(frozenset({Channel.SMS, Channel.WHATSAPP}), ("+62",), 500)
        self.how: Send | None = None
        self.url = ""
        self.inbox: Inbox | None = None
        self.answers: list[bytes] = []
        self._working: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Office:
        app = web.Application()
        app.router.add_post("/{rest:.*}", self._request)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.twilio.number(OURS, sms_url=Addresses(self.url).incoming_messages())
        await self.twilio.__aenter__()
        self.begin()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.kill()
        await self.twilio.__aexit__(*error)
        if self._runner is not None:
            await self._runner.cleanup()
        await self.database.close()

    def begin(self) -> None:
        """A process of the application starts."""
        twilio = self.twilio
        access = Access(twilio.account_sid, twilio.account_sid, twilio.auth_token, twilio.base_url)
        senders = {}
        for channel in self.allowed.channels:
            senders[channel] = _Disturbed(Rest(access), OURS, Addresses(self.url))
            senders[channel].how = self.how
        self.messenger = Messenger(
            self.database,
            self.keys,
            self.clock,
            texts=self.texts,
            senders=senders,
            tell=lambda: None,
        )
        self.inbox = Inbox(
            Options(account=twilio.account_sid, number=OURS, base_url=self.url),
            Secrets(twilio.auth_token),
            database=self.database,
            keys=self.keys,
            clock=self.clock,
            texts=self.texts,
            allowed=self.allowed,
            tell=lambda: None,
        )
        self._working = asyncio.create_task(self.messenger.run())

    async def kill(self) -> None:
        """It ends at once, as by kill -9; what is in the database stays."""
        dying, self._working = self._working, None
        if dying is not None:
            dying.cancel()
            (ended,) = await asyncio.gather(dying, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended
        self.inbox = None

    async def _request(self, request: web.Request) -> web.Response:
        if self.inbox is None:
            return web.Response(status=502)
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, kind, body = await self.inbox.webhook(
            request.method, request.raw_path, headers, await request.read()
        )
        self.answers.append(body)
        return web.Response(status=status, body=body, headers={"Content-Type": kind})

    # --- what is done and looked at -----------------------------------------------------------

    async def put(
        self, channel: Channel = Channel.SMS, recipient: str = CITIZEN, nudged: bool = True
    ) -> Reason | None:
        given = Given(self.clock.now())
        reason = await self.database.write(
            lambda conn: service.put(
                conn,
                self.keys,
                given,
                self.allowed,
                channel=channel,
                template="case_number",
                language="id",
                recipient=recipient,
                params={"number": NUMBER},
                about=About(call="call", case="case"),
            )
        )
        if nudged:
            self.messenger.nudge()
        return reason

    async def rows(self) -> list[Row[Any]]:
        return await self.database.read(lambda conn: list(conn.execute(select(tables.message))))

    async def row(self) -> Row[Any]:
        (only,) = await self.rows()
        return only

    async def ends(self, seconds: float = 180.0) -> str:
        """The state of the only message after a while."""
        await asyncio.sleep(seconds)
        state: str = (await self.row()).state
        return state

    @property
    def sent(self) -> list[str]:
        """What Twilio was given to send."""
        return [one.body for one in self.twilio.messages if one.direction == "outbound-api"]

    @property
    def replies(self) -> list[str]:
        """What we answered to what was written to us."""
        mine = [one for one in self.twilio.messages if one.direction == "outbound-reply"]
        return [one.body for one in mine if "unsubscribed" not in one.body]

    def deaf(self) -> None:
        """No status callback reaches us."""
        self.twilio.chaos.choose = lambda _index, url, _params: (
            Fault.DROP if url.endswith("/status") else None
        )


Story = Callable[[Office], Coroutine[Any, Any, None]]


@pytest.fixture
def told(sqlite_url: str, keys: Keys) -> Callable[[Story], None]:
    """Tells a story in a town of its own, on a clock that jumps."""

    def tell(story: Story) -> None:
        async def whole() -> None:
            async with Office(sqlite_url, keys) as office:
                await story(office)
                assert office.twilio.problems == []

        run(whole())

    return tell


# --- as it should go ------------------------------------------------------------------------------


def test_a_message_is_delivered(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        assert await office.put() is None
        assert await office.ends(5) == "delivered"
        assert office.sent == [SAID]
        (asked,) = [one for one in office.twilio.rest.asked if one.method == "POST"]
        message = await office.row()
        assert asked.params["StatusCallback"].startswith(office.url)
        assert message.id in asked.params["StatusCallback"]
        assert asked.params["From"] == OURS

    told(story)


def test_many_at_once(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        people = [f"+62811100{n:04d}" for n in range(60)]
        for one in people:
            await office.put(recipient=one)
        await asyncio.sleep(30)
        assert {row.state for row in await office.rows()} == {"delivered"}
        assert len(office.sent) == len(people)

    told(story)


def test_whatsapp_by_its_approved_template(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.twilio.world.messaging.templates[TEMPLATE] = "Nomor kasus Anda: {{1}}."
        await office.put(Channel.WHATSAPP)
        assert await office.ends() == "delivered"
        assert office.sent == [f"Nomor kasus Anda: {NUMBER}."]

    told(story)


def test_whatsapp_without_a_template(told: Callable[[Story], None]) -> None:
    """63016: nobody gets a first message in free words."""

    async def story(office: Office) -> None:
        await office.kill()
        office.texts = texts.load(SHIPPED)
        office.begin()
        await office.put(Channel.WHATSAPP)
        assert await office.ends() == "failed"
        assert (await office.row()).error_code == 63016

    told(story)


# --- Twilio refuses, or is not there --------------------------------------------------------------


def test_too_fast_is_tried_again(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.twilio.rest.faults.append(RestFault("throttle", MESSAGES, times=9))
        await office.put()
        assert await office.ends() == "delivered"
        assert office.sent == [SAID]
        assert (await office.row()).attempts == 3

    told(story)


def test_an_error_of_twilios_is_tried_again_after_a_look(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.twilio.rest.faults.append(RestFault("refuse", MESSAGES, times=2))
        await office.put()
        assert await office.ends(30) == "asked"
        assert await office.ends(300) == "delivered"
        assert office.sent == [SAID]
        lists = [one for one in office.twilio.rest.asked if one.method == "GET"]
        assert len(lists) == 2

    told(story)


def test_a_twilio_that_stays_away_is_given_up(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.twilio.rest.faults += [
            RestFault("refuse", MESSAGES, method, times=10_000) for method in ("POST", "GET")
        ]
        await office.put()
        assert await office.ends(2 * HOUR_S) == "unknown"
        assert office.sent == []

    told(story)


def test_whoever_said_stop_to_twilio_alone(told: Callable[[Story], None]) -> None:
    """21610: we never heard of it."""

    async def story(office: Office) -> None:
        office.twilio.world.numbers[OURS].sms_url = ""
        await office.twilio.text(CITIZEN, OURS, "STOP")
        await office.put()
        assert await office.ends() == "refused"
        assert (await office.row()).reason == "opted_out"
        assert (await office.row()).error_code == 21610

    told(story)


def test_what_can_not_be_delivered(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.twilio.world.messaging.fates[CITIZEN] = 30006
        await office.put()
        assert await office.ends() == "undelivered"
        assert (await office.row()).error_code == 30006

    told(story)


# --- the answer is lost ---------------------------------------------------------------------------


@pytest.mark.parametrize("deaf", [False, True], ids=["told of it", "told of nothing"])
def test_a_lost_answer_is_no_reason_to_send_again(
    told: Callable[[Story], None], deaf: bool
) -> None:
    async def story(office: Office) -> None:
        if deaf:
            office.deaf()
        office.twilio.rest.faults.append(RestFault("lose", MESSAGES))
        await office.put()
        assert await office.ends(600) == "delivered"
        assert office.sent == [SAID]

    told(story)


async def _sends_and_hangs(sender: TwilioSender, letter: Letter) -> Answer:
    await TwilioSender.send(sender, letter)
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def _hangs(_sender: TwilioSender, _letter: Letter) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def test_our_own_time_limit(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.deaf()
        office.twilio.rest.faults.append(RestFault("hold", MESSAGES))
        await office.put()
        assert await office.ends(30) == "asked"
        assert await office.ends(600) == "delivered"
        assert office.sent == [SAID]

    told(story)


@pytest.mark.parametrize("how", [_sends_and_hangs, _hangs], ids=["after it", "before it"])
def test_killed_between_asking_and_the_answer(told: Callable[[Story], None], how: Send) -> None:
    """Whether the request was made or not: it is sent once, and the next process finds out."""

    async def story(office: Office) -> None:
        office.deaf()
        await office.kill()
        office.how = how
        office.begin()
        await office.put()
        await asyncio.sleep(1)
        assert (await office.row()).state == "asked"
        await office.kill()
        office.how = None
        office.begin()
        assert await office.ends(900) == "delivered"
        assert office.sent == [SAID]

    told(story)


def test_killed_before_it_was_asked_for(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        await office.kill()
        await office.put(nudged=False)
        office.begin()
        assert await office.ends(10) == "delivered"
        assert office.sent == [SAID]

    told(story)


def test_nobody_can_tell(told: Callable[[Story], None]) -> None:
    """Something else was sent there meanwhile from our number: ours is never sent again."""

    async def story(office: Office) -> None:
        office.twilio.rest.faults.append(RestFault("refuse", MESSAGES))
        await office.put()
        await asyncio.sleep(1)
        twilio = office.twilio
        access = Access(twilio.account_sid, twilio.account_sid, twilio.auth_token, twilio.base_url)
        async with Rest(access) as rest:
            await rest.write([("To", CITIZEN), ("From", OURS), ("Body", "Something else")])
        assert await office.ends(2 * HOUR_S) == "unknown"
        assert office.sent == ["Something else"]

    told(story)


def test_two_alike_to_one_number_are_told_apart(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.deaf()
        await office.put()
        await asyncio.sleep(10)
        office.twilio.rest.faults.append(RestFault("lose", MESSAGES))
        await office.put()
        await asyncio.sleep(600)
        rows = await office.rows()
        assert [row.state for row in rows] == ["delivered"] * 2
        assert len({row.provider_id for row in rows}) == len(office.sent) == 2

    told(story)


# --- status callbacks -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_callback_is_disturbed(told: Callable[[Story], None], index: int, fault: Fault) -> None:
    async def story(office: Office) -> None:
        office.twilio.chaos.plan = {index: fault}
        await office.put()
        assert await office.ends(600) == "delivered"
        assert office.sent == [SAID]
        assert office.twilio.webhooks[index].fault is fault

    told(story)


# --- what people write ----------------------------------------------------------------------------


def test_stop_and_start(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        await office.twilio.text(CITIZEN, OURS, "Berhenti")
        assert office.replies == [office.texts.text("stop_confirmed", "id", {})]
        assert await office.put() is Reason.OPTED_OUT
        await office.twilio.text(CITIZEN, OURS, "mulai")
        assert await office.put() is None
        await asyncio.sleep(5)
        assert office.sent == [SAID]

    told(story)


def test_a_word_that_twilio_answers_itself_is_noted_and_not_answered(
    told: Callable[[Story], None],
) -> None:
    async def story(office: Office) -> None:
        await office.twilio.text(CITIZEN, OURS, "STOP")
        assert office.replies == []
        assert await office.put() is Reason.OPTED_OUT

    told(story)


def test_a_storm_is_answered_once_for_each_number_and_alike(
    told: Callable[[Story], None],
) -> None:
    async def story(office: Office) -> None:
        await office.put()  # so that one of them is known
        people = [CITIZEN, *(f"+62812{n:07d}" for n in range(15))]
        written = [office.twilio.text(one, OURS, f"halo {n}") for n in range(6) for one in people]
        await asyncio.gather(*written)
        assert office.replies == [office.texts.text("how_to_ask", "id", {})] * len(people)
        answers = [body for body in office.answers if b"<Message>" in body]
        assert len(set(answers)) == 1
        await office.twilio.text("+6581234567", OURS, "halo")
        assert len(office.replies) == len(people)

    told(story)


def test_two_machines_that_answer_each_other_soon_stop(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        heard = 0
        await office.twilio.text(CITIZEN, OURS, "This is a machine")
        while heard < len(office.replies):
            heard = len(office.replies)
            await office.twilio.text(CITIZEN, OURS, "This is a machine")
        assert heard == 1
        await asyncio.sleep(rules.ANSWER_S)
        await office.twilio.text(CITIZEN, OURS, "This is a machine")
        assert len(office.replies) == 2

    told(story)


def test_a_repeated_webhook_gets_the_same_answer(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        office.twilio.chaos.plan = {0: Fault.REPEAT}
        await office.twilio.text(CITIZEN, OURS, "halo")
        assert office.replies == [office.texts.text("how_to_ask", "id", {})]
        assert len(office.answers) == 2
        assert len(set(office.answers)) == 1

    told(story)


def test_whatsapp_and_sms_are_one_number(told: Callable[[Story], None]) -> None:
    async def story(office: Office) -> None:
        ends = f"whatsapp:{CITIZEN}", f"whatsapp:{OURS}"
        await office.twilio.text(*ends, "halo")
        assert office.replies == [office.texts.text("how_to_ask", "id", {})]
        await office.twilio.text(*ends, "hentikan")
        # The number is one, whatever it writes with.
        assert await office.put(Channel.SMS) is Reason.OPTED_OUT

    told(story)
