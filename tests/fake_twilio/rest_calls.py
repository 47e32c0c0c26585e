"""Calls, Conferences and Participants over REST.

Sources: https://www.twilio.com/docs/voice/api/call-resource, /conference-resource and
/conference-participant-resource.
"""

from __future__ import annotations

import re

from aiohttp import web

from tests.fake_twilio.call import OVER, Call, Callback, Fetch, Instruction
from tests.fake_twilio.conference import Conference, Participant
from tests.fake_twilio.rest import API, Form, Json, Refusal, form, only, page, since, snake
from tests.fake_twilio.tokens import IDENTITY
from tests.fake_twilio.twiml import BadDocument, actions_must_be_absolute, parse
from tests.fake_twilio.world import World

E164 = re.compile(r"\+[1-9]\d{6,14}")
CLIENT = re.compile(r"client:" + IDENTITY)
SIP = re.compile(r"sips?:[^\s@]+@[^\s@]+")
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
#: Longest TwiML in a request.
MOST_TWIML = 4000


def add(app: web.Application, world: World) -> None:
    """Add the routes."""
    calls, rooms = Calls(world), Conferences(world)
    add = app.router.add_route
    add("POST", API + "/Calls.json", calls.create)
    add("GET", API + "/Calls.json", calls.list)
    add("GET", API + "/Calls/{sid}.json", calls.fetch)
    add("POST", API + "/Calls/{sid}.json", calls.update)
    add("DELETE", API + "/Calls/{sid}.json", calls.delete)
    add("GET", API + "/Conferences.json", rooms.list)
    add("GET", API + "/Conferences/{sid}.json", rooms.fetch)
    add("POST", API + "/Conferences/{sid}.json", rooms.update)
    add("GET", API + "/Conferences/{sid}/Participants.json", rooms.participants)
    add("GET", API + "/Conferences/{sid}/Participants/{call}.json", rooms.participant)
    add("POST", API + "/Conferences/{sid}/Participants/{call}.json", rooms.update_participant)
    add("DELETE", API + "/Conferences/{sid}/Participants/{call}.json", rooms.remove_participant)


class Calls:
    def __init__(self, world: World) -> None:
        self.world = world

    async def create(self, request: web.Request) -> web.Response:
        given = await form(request)
        to, from_ = given.get("To"), given.get("From")
        self._check_ends(to, from_)
        then = self._instruction(given, live=False)
        if then is None:
            raise Refusal(400, 21205, "Url parameter is required")
        call = Call(self.world, "outbound-api", from_, to, self.world.handset(to))
        call.callback = self._callback(given)
        fallback = given.url("FallbackUrl", 21205)
        if fallback:
            call.fallback = Fetch(fallback, given.method("FallbackMethod"))
        timeout = self._whole(given, "Timeout", 60, 600)
        call.time_limit = self._whole(given, "TimeLimit", call.time_limit, 86_400)
        for name in ("MachineDetection", "SendDigits", "Record", "ApplicationSid"):
            if given.get(name) not in ("", "false"):
                call.not_modelled(f"{name}={given.get(name)}")
        wait = self.world.outbound(call, timeout, then)
        made = {**self._json(call), "queue_time": str(int(wait * 1000))}
        return web.json_response(made, status=201)

    def _check_ends(self, to: str, from_: str) -> None:
        world = self.world
        if not to:
            raise Refusal(400, 21201)
        if not from_:
            raise Refusal(400, 21213)
        if not (E164.fullmatch(to) or CLIENT.fullmatch(to) or SIP.match(to)):
            raise Refusal(400, 21211, f"The phone number you are attempting to call, {to}")
        ours = from_ in world.numbers or from_ in world.account.verified_callers
        if E164.fullmatch(from_):
            if not ours:
                raise Refusal(400, 21210, f"{from_} is not owned or verified")
        elif E164.fullmatch(to):
            raise Refusal(400, 21212, f"{from_} can't call a phone number")

    @staticmethod
    def _whole(given: Form, name: str, default: int, most: int) -> int:
        value = given.get(name, str(default))
        if not re.fullmatch(r"\d+", value) or not 1 <= int(value) <= most:
            raise Refusal(400, 20001, f"{name} must be from 1 to {most}")
        return int(value)

    @staticmethod
    def _callback(given: Form) -> Callback:
        events = given.all("StatusCallbackEvent")
        if len(events) == 1:
            events = events[0].split()
        if set(events) - EVENTS:
            raise Refusal(400, 21626, f"{events}")
        return Callback(
            given.url("StatusCallback", 21609),
            given.method("StatusCallbackMethod"),
            frozenset(events) or frozenset({"completed"}),
        )

    def _instruction(self, given: Form, live: bool) -> Instruction | None:
        """What a call is to do: TwiML, or the URL of some."""
        if given.has("Url"):
            url = given.url("Url", 21205)
            if not url:
                raise Refusal(400, 21205)
            return Fetch(url, given.method("Method"))
        if not given.has("Twiml"):
            return None
        twiml = given.get("Twiml")
        if len(twiml) > MOST_TWIML:
            raise Refusal(400, 20001, f"Twiml has {len(twiml)} characters")
        warnings: list[tuple[int, str]] = []
        try:
            document = parse(twiml, lambda code, detail: warnings.append((code, detail)))
        except BadDocument as bad:
            raise Refusal(400, bad.code, str(bad)) from None
        actions_must_be_absolute(document, lambda code, detail: warnings.append((code, detail)))
        for code, detail in warnings:
            if code == 15004 or (live and code == 11100):
                raise Refusal(400, code, detail)
            self.world.problems.report(code, detail)
        return document

    def _find(self, request: web.Request) -> Call:
        call = self.world.calls.get(request.match_info["sid"])
        if call is None:
            raise Refusal(404, 20404, f"The requested resource {request.path} was not found")
        return call

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._json(self._find(request)))

    async def list(self, request: web.Request) -> web.Response:
        only(request, "Status", "To", "From", "ParentCallSid", "StartTime>")
        rows = sorted(self.world.calls.values(), key=lambda one: -one.created_at)
        made = [self._json(one) for one in rows]
        for name in ("Status", "To", "From", "ParentCallSid"):
            if name in request.query:
                made = [one for one in made if one[snake(name)] == request.query[name]]
        if "StartTime>" in request.query:
            made = [one for one in made if one["start_time"]]
            made = since(made, "start_time", request.query["StartTime>"])
        return page(request, "calls", made)

    async def update(self, request: web.Request) -> web.Response:
        call, given = self._find(request), await form(request)
        status = given.get("Status")
        if status not in ("", "canceled", "completed"):
            raise Refusal(400, 20001, f"Status can't be set to {status}")
        then = self._instruction(given, live=True)
        if call.over:
            raise Refusal(400, 21220)
        if status == "completed" or (status == "canceled" and call.status in ("queued", "ringing")):
            call.hang_up("api")
        elif then is not None:
            if call.status != "in-progress":
                raise Refusal(400, 21220)
            if given.has("FallbackUrl"):
                url = given.url("FallbackUrl", 21205)
                call.fallback = Fetch(url, given.method("FallbackMethod")) if url else None
            if given.has("StatusCallback") and given.has("Url"):
                call.callback.url = given.url("StatusCallback", 21609)
            call.replace(then)
        return web.json_response(self._json(call))

    async def delete(self, request: web.Request) -> web.Response:
        call = self._find(request)
        if not call.over:
            raise Refusal(409, 20001, "A call in progress can't be deleted")
        del self.world.calls[call.sid]
        return web.Response(status=204)

    def _json(self, call: Call) -> Json:
        clock, account = self.world.clock, self.world.account.sid
        uri = f"/2010-04-01/Accounts/{account}/Calls/{call.sid}"
        return {
            "sid": call.sid,
            "account_sid": account,
            "api_version": "2010-04-01",
            "from": call.from_,
            "from_formatted": call.from_,
            "to": call.to,
            "to_formatted": call.to,
            "status": call.status,
            "direction": call.direction,
            "parent_call_sid": call.parent.sid if call.parent else None,
            "phone_number_sid": call.phone_number_sid,
            "date_created": clock.rfc2822(call.created_at),
            "date_updated": clock.rfc2822(),
            "start_time": _date(call, call.answered_at),
            "end_time": _date(call, call.ended_at),
            "duration": str(call.duration) if call.status in OVER else None,
            "answered_by": None,
            "caller_name": None,
            "forwarded_from": None,
            "group_sid": None,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "trunk_sid": None,
            "uri": uri + ".json",
            "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
        }


def _date(call: Call, at: float | None) -> str | None:
    return None if at is None else call.clock.rfc2822(at)


class Conferences:
    def __init__(self, world: World) -> None:
        self.world = world

    def _find(self, request: web.Request) -> Conference:
        room = self.world.conferences.get(request.match_info["sid"])
        if room is None:
            raise Refusal(404, 20404, f"The requested resource {request.path} was not found")
        return room

    async def list(self, request: web.Request) -> web.Response:
        only(request, "FriendlyName", "Status")
        query = request.query
        rows = [
            self._json(room)
            for room in reversed(self.world.conferences.values())
            if query.get("FriendlyName", room.name) == room.name
            and query.get("Status", room.status) == room.status
        ]
        return page(request, "conferences", rows)

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._json(self._find(request)))

    async def update(self, request: web.Request) -> web.Response:
        room, given = self._find(request), await form(request)
        if given.get("Status") not in ("", "completed"):
            raise Refusal(400, 20001, "Status can only be set to completed")
        if given.has("AnnounceUrl"):
            self.world.problems.report(0, "AnnounceUrl")
        if given.get("Status") == "completed":
            room.end("conference-ended-via-api")
        return web.json_response(self._json(room))

    async def participants(self, request: web.Request) -> web.Response:
        room = self._find(request)
        only(request, "Muted", "Hold", "Coaching")
        rows = [self._participant_json(one) for one in room.participants]
        for field, name in (("muted", "Muted"), ("hold", "Hold"), ("coaching", "Coaching")):
            if name in request.query:
                wanted = request.query[name] == "true"
                rows = [row for row in rows if row[field] == wanted]
        return page(request, "participants", rows)

    def _find_participant(self, request: web.Request) -> Participant:
        room, wanted = self._find(request), request.match_info["call"]
        for one in room.participants:
            if wanted in (one.call.sid, one.label):
                return one
        raise Refusal(404, 20404, f"The requested resource {request.path} was not found")

    async def participant(self, request: web.Request) -> web.Response:
        return web.json_response(self._participant_json(self._find_participant(request)))

    async def update_participant(self, request: web.Request) -> web.Response:
        one, given = self._find_participant(request), await form(request)
        for name in ("AnnounceUrl", "WaitUrl", "BeepOnExit"):
            if given.has(name):
                self.world.problems.report(0, name)
        if given.has("HoldUrl"):
            url = given.url("HoldUrl", 21205)
            one.wait = Fetch(url, given.get("HoldMethod", "GET")) if url else None
        if given.has("EndConferenceOnExit"):
            one.ends = bool(given.flag("EndConferenceOnExit"))
        if given.has("Coaching"):
            coach = given.get("CallSidToCoach") if given.flag("Coaching") else ""
            if given.flag("Coaching") and not self.world.in_conference(coach):
                raise Refusal(400, 13240, coach)
            one.coach = coach
        one.conference.update(one, given.flag("Muted"), given.flag("Hold"))
        return web.json_response(self._participant_json(one))

    async def remove_participant(self, request: web.Request) -> web.Response:
        one = self._find_participant(request)
        one.conference.leave(one, "participant_updated_via_api")
        return web.Response(status=204)

    def _json(self, room: Conference) -> Json:
        clock, account = self.world.clock, self.world.account.sid
        uri = f"/2010-04-01/Accounts/{account}/Conferences/{room.sid}"
        return {
            "sid": room.sid,
            "account_sid": account,
            "api_version": "2010-04-01",
            "friendly_name": room.name,
            "status": room.status,
            "region": "us1",
            "reason_conference_ended": room.reason_ended,
            "call_sid_ending_conference": room.ending_call,
            "date_created": clock.rfc2822(room.created_at),
            "date_updated": clock.rfc2822(),
            "uri": uri + ".json",
            "subresource_uris": {"participants": f"{uri}/Participants.json"},
        }

    def _participant_json(self, one: Participant) -> Json:
        clock, account, room = self.world.clock, self.world.account.sid, one.conference
        return {
            "account_sid": account,
            "call_sid": one.call.sid,
            "conference_sid": room.sid,
            "label": one.label or None,
            "muted": one.muted,
            "hold": one.hold,
            "coaching": bool(one.coach),
            "call_sid_to_coach": one.coach or None,
            "start_conference_on_enter": one.starts,
            "end_conference_on_exit": one.ends,
            "status": "connected",
            "queue_time": None,
            "date_created": clock.rfc2822(one.joined_at),
            "date_updated": clock.rfc2822(),
            "uri": f"/2010-04-01/Accounts/{account}/Conferences/{room.sid}"
            f"/Participants/{one.call.sid}.json",
        }
