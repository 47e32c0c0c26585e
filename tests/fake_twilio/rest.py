"""Twilio's REST API on a loopback port: https://www.twilio.com/docs/usage/api and below.

Requests are form-encoded and authenticated with the account's SID and token, or an API key; the
answers are JSON as the helper libraries read it. A refusal is ``{"code", "message", "more_info",
"status"}``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from tests.fake_twilio.codes import CODES, NOT_MODELLED
from tests.fake_twilio.twiml import absolute
from tests.fake_twilio.world import Number, World

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API = "/2010-04-01/Accounts/{account}"
PAGE_SIZE = 50
HOLD_S = 60.0


class Refusal(Exception):
    """The request is refused with a code of Twilio's."""

    def __init__(self, status: int, code: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message or CODES[code]


@dataclass
class RestFault:
    """What happens to the next ``times`` requests whose method and path match.

    ``kind``: ``refuse`` (500, nothing was done), ``throttle`` (429), ``lose`` (done, but the
    connection is cut before the answer), ``hold`` (done, but the answer takes ``HOLD_S``).
    """

    kind: str
    path: str = ""
    method: str = "POST"
    times: int = 1


@dataclass(frozen=True)
class Asked:
    """A REST request that came in."""

    method: str
    path: str
    params: dict[str, str]
    status: int


class Form:
    """A request's parameters. A name may come several times."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        return next((value for one, value in reversed(self.pairs) if one == name), default)

    def all(self, name: str) -> list[str]:
        return [value for one, value in self.pairs if one == name]

    def has(self, name: str) -> bool:
        return any(one == name for one, _ in self.pairs)

    def url(self, name: str, code: int) -> str:
        """An absolute URL, or nothing.

        Raises:
            Refusal: it is no such URL.
        """
        value = self.get(name)
        if value and not absolute(value):
            raise Refusal(400, code, f"{name} is not a valid URL: {value}")
        return value

    def method(self, name: str) -> str:
        value = self.get(name, "POST").upper()
        if value not in ("GET", "POST"):
            raise Refusal(400, 20001, f"{name} must be GET or POST")
        return value

    def flag(self, name: str) -> bool | None:
        return self.get(name).lower() == "true" if self.has(name) else None


async def form(request: web.Request) -> Form:
    """The parameters of a POST."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refusal(400, 20001, f"Content-Type is {request.content_type!r}")
    posted = await request.post()
    return Form([(name, str(value)) for name, value in posted.items()])


PAGING = frozenset({"PageSize", "Page", "PageToken"})


def only(request: web.Request, *filters: str) -> None:
    """Refuse a filter that the fake would not heed, rather than answer too much.

    Raises:
        Refusal: such a filter was given.
    """
    unknown = set(request.query) - set(filters) - PAGING
    if unknown:
        raise Refusal(400, NOT_MODELLED, f"filters {sorted(unknown)}")


def since(rows: list[Json], field: str, day: str | None) -> list[Json]:
    """The rows of ``day`` (``2026-02-28…``, in UTC) and later."""
    if day is None:
        return rows
    day = day[:10]
    return [row for row in rows if parsedate_to_datetime(row[field]).date().isoformat() >= day]


def page(request: web.Request, name: str, rows: Sequence[Json]) -> web.Response:
    """One page of a list, as the 2010 API pages it."""
    size = min(1000, int(request.query.get("PageSize", PAGE_SIZE)))
    number = int(request.query.get("Page", 0))
    start = number * size
    given = [(k, v) for k, v in request.query.items() if k not in ("Page", "PageToken")]
    query = urlencode(given)
    more = start + size < len(rows)
    path = request.path
    following = f"{path}?{query}{'&' if query else ''}Page={number + 1}" if more else None
    return web.json_response(
        {
            name: list(rows[start : start + size]),
            "page": number,
            "page_size": size,
            "start": start,
            "end": min(start + size, len(rows)) - 1,
            "uri": request.path_qs,
            "first_page_uri": f"{path}?PageSize={size}&Page=0",
            "next_page_uri": following,
            "previous_page_uri": None,
        }
    )


class Rest:
    """The server. ``faults`` are taken in order; ``asked`` logs what came in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults: list[RestFault] = []
        self.asked: list[Asked] = []
        self.app = web.Application(middlewares=[self._door])
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; ``world.base_url`` says where."""
        from tests.fake_twilio import control, rest_calls, rest_messages

        self._routes()
        control.Control(self.world).add(self.app)
        rest_calls.add(self.app, self.world)
        rest_messages.add(self.app, self.world)
        self.app.router.add_route("*", "/2010-04-01/{rest:.*}", self._unknown)
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.world.base_url = f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # --- the door ----------------------------------------------------------------------------

    @web.middleware
    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/2010-04-01/"):
            return await handler(request)
        with self.world.clock.busy():
            response, fault = await self._answered(request, handler)
        posted = dict(await request.post()) if request.method == "POST" else {}
        params = {name: str(value) for name, value in posted.items()}
        self.asked.append(Asked(request.method, request.path_qs, params, response.status))
        if fault == "hold":
            await self.world.clock.sleep(HOLD_S)
        if fault == "lose":
            assert request.transport is not None
            request.transport.abort()
        return response

    async def _answered(
        self, request: web.Request, handler: Handler
    ) -> tuple[web.StreamResponse, str]:
        """The answer, and what becomes of it."""
        fault = self._fault(request)
        try:
            if fault is not None and fault.kind == "refuse":
                raise Refusal(500, 20500)
            if fault is not None and fault.kind == "throttle":
                raise Refusal(429, 20429)
            self._authenticate(request)
            response = await handler(request)
        except Refusal as refusal:
            if fault is None:
                self._note(request, refusal)
            response = _refused(refusal)
        except web.HTTPNotFound:
            response = _refused(Refusal(404, 20404))
        return response, fault.kind if fault is not None else ""

    def _fault(self, request: web.Request) -> RestFault | None:
        for fault in self.faults:
            if fault.times and fault.method == request.method and fault.path in request.path:
                fault.times -= 1
                return fault
        return None

    def _note(self, request: web.Request, refusal: Refusal) -> None:
        """Refusals that a correct application can't avoid are no problems: the other side may
        vanish at any time (20404, 21220), a person may have said STOP (21610)."""
        if refusal.code in (20404, 21220, 21610):
            return
        self.world.problems.report(
            refusal.code, f"{request.method} {request.path}: {refusal.message}"
        )

    def _authenticate(self, request: web.Request) -> None:
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        account = self.world.account
        known = {account.sid: account.token, **account.keys}
        if kind != "Basic" or known.get(user) != password or not password:
            raise Refusal(401, 20003)
        if request.match_info.get("account", account.sid).removesuffix(".json") != account.sid:
            raise Refusal(404, 20404)

    async def _unknown(self, request: web.Request) -> web.Response:
        self.world.problems.report(NOT_MODELLED, f"{request.method} {request.path_qs}")
        raise Refusal(404, 20404, f"The requested resource {request.path} was not found")

    # --- account, numbers, recordings --------------------------------------------------------

    def _routes(self) -> None:
        add = self.app.router.add_route
        add("GET", "/2010-04-01/Accounts/{account}.json", self._account)
        add("GET", API + "/IncomingPhoneNumbers.json", self._numbers)
        add("GET", API + "/IncomingPhoneNumbers/{sid}.json", self._number)
        add("POST", API + "/IncomingPhoneNumbers/{sid}.json", self._update_number)
        add("GET", API + "/Recordings.json", self._recordings)
        add("GET", API + "/Calls/{call}/Recordings.json", self._recordings)
        for tail in (".json", ".wav", ""):
            add("GET", API + "/Recordings/{sid}" + tail, self._recording)
        add("DELETE", API + "/Recordings/{sid}.json", self._delete_recording)

    async def _account(self, request: web.Request) -> web.Response:
        account = self.world.account
        return web.json_response(
            {
                "sid": account.sid,
                "friendly_name": "Fake account",
                "status": account.status,
                "type": "Full",
                "owner_account_sid": account.sid,
                "date_created": self.world.clock.rfc2822(0),
                "date_updated": self.world.clock.rfc2822(0),
                "uri": f"/2010-04-01/Accounts/{account.sid}.json",
                "subresource_uris": {},
            }
        )

    async def _numbers(self, request: web.Request) -> web.Response:
        only(request, "PhoneNumber")
        wanted = request.query.get("PhoneNumber", "").strip()
        rows = [
            self._number_json(one)
            for one in self.world.numbers.values()
            if wanted.lstrip("+") in one.number
        ]
        return page(request, "incoming_phone_numbers", rows)

    def _find_number(self, request: web.Request) -> Number:
        sid = request.match_info["sid"]
        for number in self.world.numbers.values():
            if number.sid == sid:
                return number
        raise Refusal(404, 20404, f"The requested resource {request.path} was not found")

    async def _number(self, request: web.Request) -> web.Response:
        return web.json_response(self._number_json(self._find_number(request)))

    async def _update_number(self, request: web.Request) -> web.Response:
        number, given = self._find_number(request), await form(request)
        for name in ("VoiceUrl", "VoiceFallbackUrl", "StatusCallback", "SmsUrl", "SmsFallbackUrl"):
            if given.has(name):
                setattr(number, snake(name), given.url(name, 21402))
        for name in (
            "VoiceMethod",
            "VoiceFallbackMethod",
            "StatusCallbackMethod",
            "SmsMethod",
            "SmsFallbackMethod",
        ):
            if given.has(name):
                setattr(number, snake(name), given.method(name))
        if number.voice_fallback_url and not number.voice_url:
            raise Refusal(400, 21405)
        if number.sms_fallback_url and not number.sms_url:
            raise Refusal(400, 21406)
        if given.has("FriendlyName"):
            number.friendly_name = given.get("FriendlyName")
        return web.json_response(self._number_json(number))

    def _number_json(self, number: Number) -> Json:
        account = self.world.account.sid
        made = {
            name: value for name, value in vars(number).items() if name not in ("number", "sms")
        }
        return {
            **made,
            "phone_number": number.number,
            "account_sid": account,
            "api_version": "2010-04-01",
            "capabilities": {"voice": True, "sms": number.sms, "mms": False, "fax": False},
            "voice_application_sid": "",
            "sms_application_sid": "",
            "trunk_sid": None,
            "status": "in-use",
            "date_created": self.world.clock.rfc2822(0),
            "date_updated": self.world.clock.rfc2822(0),
            "uri": f"/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{number.sid}.json",
        }

    async def _recordings(self, request: web.Request) -> web.Response:
        only(request, "CallSid", "DateCreated>")
        call = request.match_info.get("call") or request.query.get("CallSid")
        rows = [
            self._recording_json(sid)
            for sid, one in self.world.recordings.items()
            if not call or one.call == call
        ]
        rows = since(rows, "date_created", request.query.get("DateCreated>"))
        return page(request, "recordings", rows)

    async def _recording(self, request: web.Request) -> web.Response:
        sid = request.match_info["sid"]
        made = self.world.recordings.get(sid)
        if made is None:
            raise Refusal(404, 20404, f"The requested resource {request.path} was not found")
        if request.path.endswith(".json"):
            return web.json_response(self._recording_json(sid))
        if made.status != "completed":
            raise Refusal(404, 20404, "The recording is not available yet")
        return web.Response(body=made.wav(), content_type="audio/x-wav")

    def _recording_json(self, sid: str) -> Json:
        made = self.world.recordings[sid]
        clock, account = self.world.clock, self.world.account.sid
        return {
            "sid": sid,
            "account_sid": account,
            "api_version": "2010-04-01",
            "call_sid": made.call,
            "conference_sid": None,
            "duration": str(made.duration) if made.status == "completed" else "-1",
            "status": made.status,
            "channels": 1,
            "source": "RecordVerb",
            "error_code": None,
            "date_created": clock.rfc2822(made.started_at),
            "date_updated": clock.rfc2822(),
            "start_time": clock.rfc2822(made.started_at),
            "media_url": self.world.recording_url(sid),
            "uri": f"/2010-04-01/Accounts/{account}/Recordings/{sid}.json",
        }

    async def _delete_recording(self, request: web.Request) -> web.Response:
        if self.world.recordings.pop(request.match_info["sid"], None) is None:
            raise Refusal(404, 20404, f"The requested resource {request.path} was not found")
        return web.Response(status=204)


def _refused(refusal: Refusal) -> web.Response:
    return web.json_response(
        {
            "code": refusal.code,
            "message": refusal.message,
            "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
            "status": refusal.status,
        },
        status=refusal.status,
    )


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
