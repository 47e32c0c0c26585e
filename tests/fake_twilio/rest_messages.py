"""Messages: out by REST, in to a number's SmsUrl. SMS, and WhatsApp as far as templates matter.

Sources: https://www.twilio.com/docs/messaging/api/message-resource, /docs/messaging/twiml,
/docs/messaging/guides/webhook-request and /docs/whatsapp/api (the 24 hour window).
"""

from __future__ import annotations

import asyncio
import json
import re
import xml.etree.ElementTree as ET

from aiohttp import web

from tests.fake_twilio.codes import CODES, NOT_MODELLED
from tests.fake_twilio.messaging import Message
from tests.fake_twilio.rest import API, Form, Json, Refusal, form, only, page
from tests.fake_twilio.webhooks import FetchFailed
from tests.fake_twilio.world import Number, World

E164 = re.compile(r"\+[1-9]\d{6,14}")
ALPHANUMERIC = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+\-]{1,11}")
MOST_BODY = 1600
WINDOW_S = 24 * 3600
#: Words that Twilio answers itself, and after which it delivers nothing more (or again).
STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"})
START = frozenset({"START", "YES", "UNSTOP"})


def add(app: web.Application, world: World) -> None:
    """Add the routes."""
    messages = Messages(world)
    add = app.router.add_route
    add("POST", API + "/Messages.json", messages.create)
    add("GET", API + "/Messages.json", messages.list)
    add("GET", API + "/Messages/{sid}.json", messages.fetch)
    add("DELETE", API + "/Messages/{sid}.json", messages.delete)


class Messages:
    def __init__(self, world: World) -> None:
        self.world = world
        self.desk = world.messaging

    async def create(self, request: web.Request) -> web.Response:
        given = await form(request)
        to = given.get("To")
        if not to:
            raise Refusal(400, 21604)
        if not E164.fullmatch(to.removeprefix("whatsapp:")):
            raise Refusal(400, 21211, f"Invalid 'To' Phone Number: {to}")
        from_ = self._sender(given, to)
        message = Message(
            self.world.sid("SM"),
            "outbound-api",
            from_,
            to,
            given.get("Body"),
            "accepted" if given.has("MessagingServiceSid") else "queued",
            self.world.clock.now,
            given.get("MessagingServiceSid"),
        )
        message.callback = given.url("StatusCallback", 21609)
        self._content(given, message)
        if (to, from_) in self.desk.stopped:
            raise Refusal(400, 21610, f"{to} has replied STOP to {from_}")
        self.desk.sent[message.sid] = message
        self.world.spawn(self._deliver(message))
        return web.json_response(self._json(message), status=201)

    def _sender(self, given: Form, to: str) -> str:
        service = given.get("MessagingServiceSid")
        if service:
            senders = self.desk.services.get(service)
            if senders is None:
                raise Refusal(404, 20404, f"Messaging Service {service} was not found")
            kind = to.startswith("whatsapp:")
            fitting = [one for one in senders if one.startswith("whatsapp:") == kind]
            if not fitting:
                raise Refusal(400, 21703)
            return given.get("From") or fitting[0]
        from_ = given.get("From")
        if not from_:
            raise Refusal(400, 21603)
        if from_.startswith("whatsapp:") != to.startswith("whatsapp:"):
            raise Refusal(400, 21212, f"{from_} can't send to {to}")
        number = from_.removeprefix("whatsapp:")
        if E164.fullmatch(number):
            if number not in self.world.numbers:
                raise Refusal(400, 21606, f"{from_} is not a message-capable number of yours")
        elif not ALPHANUMERIC.fullmatch(from_):
            raise Refusal(400, 21212, f"Invalid From: {from_}")
        return from_

    def _content(self, given: Form, message: Message) -> None:
        """Text, or a template with its variables."""
        message.content_sid = given.get("ContentSid")
        if not message.content_sid:
            if not message.body:
                raise Refusal(400, 21602)
            if len(message.body) > MOST_BODY:
                raise Refusal(400, 21617)
            return
        if message.content_sid not in self.desk.templates:
            raise Refusal(400, 21655, f"{message.content_sid}")
        text = given.get("ContentVariables", "{}")
        try:
            variables = json.loads(text)
        except ValueError:
            raise Refusal(400, 21656, text) from None
        if not isinstance(variables, dict) or not all(
            isinstance(value, str) and value.strip() for value in variables.values()
        ):
            raise Refusal(400, 21656, text)
        message.variables = variables
        template = self.desk.templates[message.content_sid]
        missing = set(re.findall(r"\{\{(\w+)\}\}", template)) - set(variables)
        if missing:
            raise Refusal(400, 21656, f"missing {sorted(missing)}")
        message.body = re.sub(r"\{\{(\w+)\}\}", lambda found: variables[found[1]], template)

    async def _deliver(self, message: Message) -> None:
        """queued → sent → delivered, or how it failed; each is told."""
        in_order = asyncio.Lock()
        clock = self.world.clock
        self._told(message, in_order)
        await clock.sleep(0.5)
        outside = clock.now - self.desk.last_in.get(message.to, -WINDOW_S - 1) > WINDOW_S
        if message.to.startswith("whatsapp:") and not message.content_sid and outside:
            message.status, message.error_code = "failed", 63016
            self._told(message, in_order)
            return
        message.status = "sent"
        self._told(message, in_order)
        await clock.sleep(1)
        fate = self.desk.fates.get(message.to)
        message.status, message.error_code = ("undelivered", fate) if fate else ("delivered", None)
        self._told(message, in_order)

    def _told(self, message: Message, in_order: asyncio.Lock) -> None:
        if not message.callback:
            return
        params = {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "AccountSid": self.world.account.sid,
            "From": message.from_,
            "To": message.to,
            "MessageStatus": message.status,
            "SmsStatus": message.status,
            "ApiVersion": "2010-04-01",
        }
        if message.service:
            params["MessagingServiceSid"] = message.service
        if message.error_code is not None:
            params["ErrorCode"] = str(message.error_code)
        kind = f"message:{message.status}"
        self.world.tell(kind, message.callback, "POST", params, None, in_order)

    def _find(self, request: web.Request) -> Message:
        message = self.desk.sent.get(request.match_info["sid"])
        if message is None:
            raise Refusal(404, 20404, f"The requested resource {request.path} was not found")
        return message

    async def fetch(self, request: web.Request) -> web.Response:
        return web.json_response(self._json(self._find(request)))

    async def list(self, request: web.Request) -> web.Response:
        only(request, "To", "From")
        rows = [self._json(one) for one in reversed(self.desk.sent.values())]
        for field_, name in (("to", "To"), ("from", "From")):
            if name in request.query:
                rows = [row for row in rows if row[field_] == request.query[name]]
        return page(request, "messages", rows)

    async def delete(self, request: web.Request) -> web.Response:
        message = self._find(request)
        if message.status in ("queued", "accepted"):
            raise Refusal(409, 20001, "The message is not finished yet")
        del self.desk.sent[message.sid]
        return web.Response(status=204)

    def _json(self, message: Message) -> Json:
        clock, account = self.world.clock, self.world.account.sid
        error = message.error_code
        return {
            "sid": message.sid,
            "account_sid": account,
            "api_version": "2010-04-01",
            "messaging_service_sid": message.service or None,
            "from": message.from_,
            "to": message.to,
            "body": message.body,
            "status": message.status,
            "direction": message.direction,
            "error_code": error,
            "error_message": CODES[error] if error else None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "USD",
            "date_created": clock.rfc2822(message.created_at),
            "date_sent": clock.rfc2822(message.created_at),
            "date_updated": clock.rfc2822(),
            "uri": f"/2010-04-01/Accounts/{account}/Messages/{message.sid}.json",
            "subresource_uris": {},
        }


# --- messages that come in ------------------------------------------------------------------------


async def arrive(world: World, from_: str, to: str, body: str) -> Message:
    """Somebody writes to a number of ours; returns when the answer was carried out."""
    number = world.numbers[to.removeprefix("whatsapp:")]
    message = Message(world.sid("SM"), "inbound", from_, to, body, "received", world.clock.now)
    world.messaging.sent[message.sid] = message
    world.messaging.last_in[from_] = world.clock.now
    word = body.strip().upper()
    pair = (from_, to)
    optout = "STOP" if word in STOP else "START" if word in START else ""
    if optout == "STOP":
        world.messaging.stopped.add(pair)
        _reply(world, message, "You have successfully been unsubscribed.")
    elif optout == "START":
        world.messaging.stopped.discard(pair)
    if not number.sms_url:
        return message
    params = {
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "AccountSid": world.account.sid,
        "From": from_,
        "To": to,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    if optout:
        params["OptOutType"] = optout
    try:
        await _answer(world, number, message, params)
    except FetchFailed as failed:
        world.problems.report(failed.code, failed.detail, url=failed.url, injected=failed.injected)
    return message


async def _answer(world: World, number: Number, message: Message, params: dict[str, str]) -> None:
    hook = world.sender.hook("message", number.sms_url, number.sms_method, params, None)
    try:
        reply = await world.sender.send(hook)
    except FetchFailed as failed:
        if not number.sms_fallback_url:
            raise
        world.problems.report(failed.code, failed.detail, url=failed.url, injected=failed.injected)
        params = {**params, "ErrorCode": str(failed.code), "ErrorUrl": failed.url}
        url, method = number.sms_fallback_url, number.sms_fallback_method
        reply = await world.sender.send(world.sender.hook("message", url, method, params, None))
    if not reply.body.strip():
        return
    if reply.content_type not in ("text/xml", "application/xml"):
        raise FetchFailed(12300, hook.url, repr(reply.content_type))
    try:
        root = ET.fromstring(reply.body)
    except ET.ParseError as broken:
        raise FetchFailed(12100, hook.url, str(broken)) from None
    for verb in root:
        if verb.tag != "Message":
            world.problems.report(NOT_MODELLED, f"<{verb.tag}> for a message", url=hook.url)
            continue
        text = "".join(verb.itertext()).strip()
        _reply(world, message, text)


def _reply(world: World, message: Message, text: str) -> None:
    made = Message(
        world.sid("SM"),
        "outbound-reply",
        message.to,
        message.from_,
        text,
        "delivered",
        world.clock.now,
    )
    world.messaging.sent[made.sid] = made
