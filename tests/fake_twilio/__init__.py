"""A strict fake of Twilio for tests and development, written from Twilio's documentation.

It performs TwiML on virtual telephones, calls webhooks as Twilio does, and serves the REST API on
a loopback port. Whatever Twilio would have refused or logged is in ``problems``.

    async with FakeTwilio() as twilio:
        number = twilio.number("+622150630", voice_url="http://127.0.0.1:8000/twilio/voice")
        caller = twilio.phone("+628111000111")
        await caller.dial("+622150630")
        await caller.press("1")
        await twilio.clock.advance(5)
        assert twilio.problems == []
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tests.fake_twilio.call import Call
from tests.fake_twilio.chaos import Chaos, Fault
from tests.fake_twilio.clock import Clock
from tests.fake_twilio.codes import Problem
from tests.fake_twilio.conference import Conference
from tests.fake_twilio.messaging import Message
from tests.fake_twilio.phones import WITHHELD, Handset, Heard
from tests.fake_twilio.rest import Asked, Rest, RestFault
from tests.fake_twilio.rest_messages import arrive
from tests.fake_twilio.signing import SharedKey
from tests.fake_twilio.tokens import TokenRefused, identity
from tests.fake_twilio.webhooks import Webhook
from tests.fake_twilio.world import Number, World

__all__ = [
    "WITHHELD",
    "Asked",
    "Call",
    "Chaos",
    "Clock",
    "Conference",
    "FakeTwilio",
    "Fault",
    "Handset",
    "Heard",
    "Message",
    "Number",
    "Problem",
    "RestFault",
    "SharedKey",
    "TokenRefused",
    "Webhook",
]


class FakeTwilio:
    """The whole of it. ``speed`` 0: its time stands still until a test advances it."""

    def __init__(self, speed: float = 0.0, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world = World(speed)
        self.rest = Rest(self.world)
        self._at = (host, port)

    async def __aenter__(self) -> Self:
        self.world.clock.start()
        await self.world.sender.start()
        await self.rest.start(*self._at)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.world.close()
        self.world.clock.stop()
        await self.rest.stop()
        await self.world.sender.stop()
        if error is None and self.world.crashes:
            raise self.world.crashes[0]

    # --- what the application needs to know --------------------------------------------------

    @property
    def base_url(self) -> str:
        """Where the REST API is: ``http://127.0.0.1:PORT``."""
        return self.world.base_url

    @property
    def account_sid(self) -> str:
        return self.world.account.sid

    @property
    def auth_token(self) -> str:
        return self.world.account.token

    def api_key(self) -> tuple[str, str]:
        """A new API key: its SID and its secret."""
        sid, secret = self.world.sid("SK"), self.world.sid("")
        self.world.account.keys[sid] = secret
        return sid, secret

    def sign_with(self, key: SharedKey | None) -> None:
        """Sign webhooks with a shared key (HMAC-SHA256), or with the auth token (HMAC-SHA1)."""
        self.world.sender.shared_key = key

    # --- what is at Twilio -------------------------------------------------------------------

    def number(self, number: str, **urls: str) -> Number:
        """A phone number of ours; ``urls`` are fields of :class:`Number`."""
        made = Number(self.world.sid("PN"), number, **urls)
        self.world.numbers[number] = made
        return made

    def phone(self, address: str | None, auto: str = "") -> Handset:
        """A telephone. ``address`` None: a caller who withholds the number."""
        made = Handset(self.world, address or WITHHELD, auto)
        if address is not None:
            self.world.phones[address] = made
        return made

    def softphone(self, token: str, auto: str = "") -> Handset:
        """A browser that registers with an access token, or comes back with a newer one.

        Raises:
            TokenRefused: the token opens nothing.
        """
        address = f"client:{identity(token, self.world.account)}"
        known = self.world.phones.get(address)
        if known is None:
            return self.phone(address, auto)
        known.registered = True
        return known

    async def text(self, from_: str, to: str, body: str) -> Message:
        """Somebody writes a message to a number of ours."""
        return await arrive(self.world, from_, to, body)

    # --- what a test looks at ----------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def chaos(self) -> Chaos:
        return self.world.chaos

    @property
    def problems(self) -> list[Problem]:
        """What Twilio would have refused or logged, and no test made happen."""
        return self.world.problems.own

    @property
    def webhooks(self) -> list[Webhook]:
        """Every webhook so far, in the order of their numbers."""
        return self.world.sender.log

    @property
    def calls(self) -> list[Call]:
        return list(self.world.calls.values())

    @property
    def live_calls(self) -> list[Call]:
        return self.world.live_calls

    @property
    def rooms(self) -> list[Conference]:
        """The conferences that somebody is in."""
        return self.world.rooms

    @property
    def alone(self) -> list[Call]:
        """The calls that are alone in a room."""
        return self.world.alone

    @property
    def messages(self) -> list[Message]:
        return list(self.world.messaging.sent.values())
