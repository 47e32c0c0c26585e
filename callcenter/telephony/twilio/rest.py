"""What we ask Twilio by REST, each with our own time limit.

An own client on aiohttp: its sessions can be cancelled and timed, which those of the ``twilio``
package can not (its constructor's timeout is ignored), and it imports in no time.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
import structlog
from yarl import URL

log = structlog.get_logger(__name__)

API = "https://api.twilio.com"
VERSION = "2010-04-01"
#: The longest answer that we wait for, in seconds.
LIMIT_S = 6.0
CONNECT_S = 3.0
#: A recording may be long.
FETCH_S = 60.0
#: Waits before asking again what was refused for asking too fast, in seconds.
AGAIN_S = (0.3, 0.8, 1.6)
PAGE = 200
MOST_PAGES = 20
MOST_SOUND_BYTES = 64 << 20

_TOO_FAST = 429
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_T = TypeVar("_T")

#: Twilio's own codes that we know what to do about.
NOT_FOUND = 20404
NOT_IN_PROGRESS = 21220
#: Why a number can't be called, whenever it is tried: it is none, or none that can be reached.
NO_NUMBER = frozenset({21211, 21214, 21217})


class TwilioRefused(Exception):
    """Twilio would not do it. ``code`` is its own number for why, 0 when it gave none."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code

    @property
    def gone(self) -> bool:
        """What was asked for is not there (any more)."""
        return self.status == 404


class TwilioAway(ConnectionError):
    """No answer. ``sent``: Twilio may have done it all the same."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(f"Twilio is away: {why}")
        self.sent = sent


class Access(msgspec.Struct, frozen=True):
    """Whose account, and with which key. ``url``: where the API is."""

    account: str
    user: str
    password: str
    url: str = API

    def __repr__(self) -> str:
        return f"Access({self.account!r})"


class _Row(msgspec.Struct, frozen=True):
    """Of an answer we read what we need."""


class Call(_Row, frozen=True):
    sid: str
    status: str = ""
    direction: str = ""
    to: str = ""
    caller: str = msgspec.field(name="from", default="")


class Conference(_Row, frozen=True):
    sid: str
    friendly_name: str = ""
    status: str = ""


class Participant(_Row, frozen=True):
    call_sid: str
    label: str | None = None
    hold: bool = False
    muted: bool = False


class StoredRecording(_Row, frozen=True):
    sid: str
    call_sid: str | None = None
    duration: str | None = None
    status: str = ""
    source: str = ""
    start_time: str | None = None


class Message(_Row, frozen=True):
    sid: str
    status: str = ""
    direction: str = ""
    sender: str | None = msgspec.field(name="from", default=None)
    body: str | None = None
    error_code: int | None = None
    date_created: str | None = None


class Capabilities(_Row, frozen=True):
    sms: bool = False


class Number(_Row, frozen=True):
    sid: str
    phone_number: str
    capabilities: Capabilities = Capabilities()
    sms_url: str | None = None
    sms_method: str | None = None
    sms_application_sid: str | None = None
    voice_url: str | None = None
    voice_method: str | None = None
    voice_fallback_url: str | None = None
    status_callback: str | None = None
    voice_application_sid: str | None = None
    trunk_sid: str | None = None


class Account(_Row, frozen=True):
    sid: str
    status: str = ""
    type: str = ""


class _Calls(_Row, frozen=True):
    calls: list[Call]
    next_page_uri: str | None = None


class _Conferences(_Row, frozen=True):
    conferences: list[Conference]
    next_page_uri: str | None = None


class _Participants(_Row, frozen=True):
    participants: list[Participant]
    next_page_uri: str | None = None


class _Recordings(_Row, frozen=True):
    recordings: list[StoredRecording]
    next_page_uri: str | None = None


class _Messages(_Row, frozen=True):
    messages: list[Message]


class _Numbers(_Row, frozen=True):
    incoming_phone_numbers: list[Number]


class _Problem(_Row, frozen=True):
    code: int = 0
    message: str = ""


Form = Sequence[tuple[str, str]]


class Rest:
    """The account's REST API. To be used inside ``async with``, or after :meth:`open`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._account = f"/{VERSION}/Accounts/{access.account}"
        secret = f"{access.user}:{access.password}".encode()
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(secret).decode(),
            "Accept": "application/json",
        }
        self._session: aiohttp.ClientSession | None = None
        #: The difference between Twilio's clock and ours, in seconds, when last seen.
        self.date = ""

    async def open(self) -> None:
        """Begin; call it on the event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=LIMIT_S, sock_connect=CONNECT_S)
            )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Rest:
        await self.open()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    # --- calls --------------------------------------------------------------------------------

    async def ring(
        self, *, to: str, caller: str, url: str, fallback: str, status: str, most_s: int
    ) -> str:
        """Call ``to``; Twilio's name of the call. Never asked twice: the result may be unknown.

        Raises:
            TwilioRefused, TwilioAway
        """
        form = [
            ("To", to),
            ("From", caller),
            ("Url", url),
            ("Method", "POST"),
            ("FallbackUrl", fallback),
            ("FallbackMethod", "POST"),
            ("StatusCallback", status),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", one) for one in ("initiated", "ringing", "answered")),
            ("StatusCallbackEvent", "completed"),
            ("Timeout", str(most_s)),
        ]
        return (await self._post(f"{self._account}/Calls.json", form, Call)).sid

    async def move(self, sid: str, url: str, fallback: str) -> None:
        """Have the call ask ``url`` what to do, at once."""
        form = [
            ("Url", url),
            ("Method", "POST"),
            ("FallbackUrl", fallback),
            ("FallbackMethod", "POST"),
        ]
        await self._post(f"{self._account}/Calls/{sid}.json", form, Call)

    async def end(self, sid: str) -> Call:
        """Hang up, or stop ringing."""
        form = [("Status", "completed")]
        return await self._post(f"{self._account}/Calls/{sid}.json", form, Call)

    async def call(self, sid: str) -> Call:
        return await self._get(f"{self._account}/Calls/{sid}.json", Call)

    async def calls(self, **match: str) -> list[Call]:
        """The calls that match ``Status``, ``To``, ``From``."""
        path, rows = f"{self._account}/Calls.json", list[Call]()
        for _ in range(MOST_PAGES):
            page = await self._get(path, _Calls, {**match, "PageSize": str(PAGE)})
            rows += page.calls
            if not page.next_page_uri:
                break
            path, match = page.next_page_uri, {}
        return rows

    async def forget_call(self, sid: str) -> None:
        """Delete what Twilio keeps about a call that is over."""
        await self._delete(f"{self._account}/Calls/{sid}.json")

    # --- rooms --------------------------------------------------------------------------------

    async def conferences(self, **match: str) -> list[Conference]:
        """The conferences that match ``Status``, ``FriendlyName``."""
        path, rows = f"{self._account}/Conferences.json", list[Conference]()
        for _ in range(MOST_PAGES):
            page = await self._get(path, _Conferences, {**match, "PageSize": str(PAGE)})
            rows += page.conferences
            if not page.next_page_uri:
                break
            path, match = page.next_page_uri, {}
        return rows

    async def participants(self, conference: str) -> list[Participant]:
        path = f"{self._account}/Conferences/{conference}/Participants.json"
        page = await self._get(path, _Participants, {"PageSize": str(PAGE)})
        return page.participants

    async def set_participant(self, conference: str, call: str, form: Form) -> None:
        path = f"{self._account}/Conferences/{conference}/Participants/{call}.json"
        await self._post(path, form, Participant)

    async def end_conference(self, conference: str) -> None:
        form = [("Status", "completed")]
        await self._post(f"{self._account}/Conferences/{conference}.json", form, Conference)

    # --- recordings ---------------------------------------------------------------------------

    async def recordings(self, **match: str) -> list[StoredRecording]:
        """The recordings that match ``CallSid`` or ``DateCreated>``."""
        path, rows = f"{self._account}/Recordings.json", list[StoredRecording]()
        for _ in range(MOST_PAGES):
            page = await self._get(path, _Recordings, {**match, "PageSize": str(PAGE)})
            rows += page.recordings
            if not page.next_page_uri:
                break
            path, match = page.next_page_uri, {}
        return rows

    async def recording(self, sid: str) -> StoredRecording:
        return await self._get(f"{self._account}/Recordings/{sid}.json", StoredRecording)

    async def sound(self, sid: str) -> bytes:
        """The recording as a WAV file."""
        url = f"{self._access.url}{self._account}/Recordings/{sid}.wav"
        status, body = await self._request("GET", url, limit_s=FETCH_S)
        _refuse(status, body)
        return body

    async def delete_recording(self, sid: str) -> None:
        await self._delete(f"{self._account}/Recordings/{sid}.json")

    # --- messages -----------------------------------------------------------------------------

    async def write(self, form: Form) -> Message:
        """Send a message. Never asked twice: the result may be unknown.

        Raises:
            TwilioRefused, TwilioAway
        """
        return await self._post(f"{self._account}/Messages.json", form, Message)

    async def message(self, sid: str) -> Message:
        return await self._get(f"{self._account}/Messages/{sid}.json", Message)

    async def messages(self, *, to: str, most: int) -> list[Message]:
        """The newest messages to a number, newest first."""
        wanted = {"To": to, "PageSize": str(most)}
        return (await self._get(f"{self._account}/Messages.json", _Messages, wanted)).messages

    # --- the account --------------------------------------------------------------------------

    async def account(self) -> Account:
        return await self._get(f"{self._account}.json", Account)

    async def number(self, number: str) -> Number | None:
        """Our number as Twilio has it; None when the account has no such number."""
        path = f"{self._account}/IncomingPhoneNumbers.json"
        found = await self._get(path, _Numbers, {"PhoneNumber": number})
        return next((n for n in found.incoming_phone_numbers if n.phone_number == number), None)

    async def set_number(self, sid: str, form: Form) -> Number:
        path = f"{self._account}/IncomingPhoneNumbers/{sid}.json"
        return await self._post(path, form, Number)

    # --- asking -------------------------------------------------------------------------------

    async def _get(self, path: str, kind: type[_T], query: Mapping[str, str] | None = None) -> _T:
        url = URL(self._access.url + path, encoded=True)
        if query and not urlsplit(path).query:
            url = url.with_query(query)
        status, body = await self._request("GET", url)
        _refuse(status, body)
        return _read(body, kind)

    async def _post(self, path: str, form: Form, kind: type[_T]) -> _T:
        status, body = await self._request("POST", self._access.url + path, form)
        _refuse(status, body)
        return _read(body, kind)

    async def _delete(self, path: str) -> None:
        status, body = await self._request("DELETE", self._access.url + path)
        _refuse(status, body)

    async def _request(
        self, method: str, url: str | URL, form: Form | None = None, limit_s: float = LIMIT_S
    ) -> tuple[int, bytes]:
        """Ask, and once more when Twilio had no time for it: then it has surely not done it.

        Raises:
            TwilioAway
        """
        for wait in (*AGAIN_S, None):
            status, body = await self._once(method, url, form, limit_s)
            if status != _TOO_FAST or wait is None:
                return status, body
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    async def _once(
        self, method: str, url: str | URL, form: Form | None, limit_s: float
    ) -> tuple[int, bytes]:
        if self._session is None:
            raise TwilioAway("not started, or stopped", sent=False)
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.request(
                    method,
                    url,
                    data=None if form is None else urlencode(form).encode(),
                    headers=self._headers | ({} if form is None else _FORM),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=limit_s, sock_connect=CONNECT_S),
                ) as answer,
            ):
                body = await answer.content.read(MOST_SOUND_BYTES)
                while more := await answer.content.read(MOST_SOUND_BYTES):
                    body += more
                    if len(body) > MOST_SOUND_BYTES:
                        raise TwilioAway("an answer without an end", sent=True)
                self.date = answer.headers.get("Date", "")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TwilioAway(type(error).__name__, sent=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TwilioAway(type(error).__name__, sent=True) from error
        if answer.status >= 500:
            raise TwilioAway(f"it answered {answer.status}", sent=True)
        return answer.status, body


def _refuse(status: int, body: bytes) -> None:
    if status < 300:
        return
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    raise TwilioRefused(status, problem.code, problem.message)


def _read(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise TwilioAway(f"an answer that can't be read: {error}", sent=True) from error
