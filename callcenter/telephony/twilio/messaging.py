"""Sends messages by Twilio: SMS, and WhatsApp with approved templates."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Sequence

import structlog

from callcenter.messages.model import Channel, Event, Letter, Reason
from callcenter.messages.sender import Answer, Found, NotNow, Turned
from callcenter.telephony.twilio.addresses import Addresses
from callcenter.telephony.twilio.rest import Message, Rest, TwilioAway, TwilioRefused

log = structlog.get_logger(__name__)

WHATSAPP = "whatsapp:"
SERVICE = re.compile(r"MG[0-9a-f]{32}")
MESSAGE = re.compile(r"(SM|MM)[0-9a-f]{32}")

#: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
EVENTS = {
    "scheduled": Event.ACCEPT,
    "accepted": Event.ACCEPT,
    "queued": Event.ACCEPT,
    "sending": Event.ACCEPT,
    "sent": Event.SEND,
    "delivered": Event.DELIVER,
    "read": Event.READ,
    "undelivered": Event.UNDELIVER,
    "failed": Event.FAIL,
    "canceled": Event.FAIL,
}
#: Whoever has the number answered STOP.
OPTED_OUT = 21610
#: Asked too fast, or the account can't be used just now: may be asked for again.
AGAIN = frozenset({14107, 20003, 20005, 20429, 30001})
#: The same by HTTP status, for a refusal without a code that we know.
AGAIN_STATUS = frozenset({401, 403, 408, 429})
#: Refused for good, whatever the status: no such number, no permission for its country, no mobile
#: number, blocked, no approved template.
FOR_GOOD = frozenset({21211, 21408, 21610, 21612, 21614, 63016})
#: Messages to one number that are looked through, and how far its clock's seconds may be off.
LOOKED = 50
SLACK_S = 10.0


class TwilioSender:
    """One channel of a Twilio account.

    ``sender``: our number in E.164, a name of up to 11 letters, or a messaging service (``MG…``).
    """

    def __init__(self, rest: Rest, sender: str, addresses: Addresses) -> None:
        self._rest = rest
        self._sender = sender
        self._service = bool(SERVICE.fullmatch(sender))
        self._addresses = addresses

    async def close(self) -> None:
        """Close the connections."""
        await self._rest.close()

    async def send(self, letter: Letter) -> Answer:
        """Ask Twilio to send ``letter``. Our own name of it is in the address that is told what
        became of it, so that an answer that is lost is made up for.

        Raises:
            Turned, NotNow
            TwilioAway: nobody knows whether it was sent.
        """
        await self._rest.open()
        whatsapp = letter.channel is Channel.WHATSAPP
        form = [
            ("To", _to(letter)),
            ("MessagingServiceSid", self._sender)
            if self._service
            else ("From", WHATSAPP * whatsapp + self._sender),
            ("StatusCallback", self._addresses.of_message(letter.id)),
        ]
        if whatsapp and letter.content is not None:
            variables = {str(n): text for n, text in enumerate(letter.params.values(), 1)}
            form.append(("ContentSid", letter.content))
            if variables:
                form.append(("ContentVariables", json.dumps(variables)))
        else:
            form.append(("Body", letter.text))
        try:
            made = await self._rest.write(form)
        except TwilioRefused as refused:
            log.warning("twilio_message_refused", message=letter.id, code=refused.code)
            raise refusal(refused) from refused
        except TwilioAway as away:
            if not away.sent:
                raise NotNow from away
            raise
        return Answer(made.sid, EVENTS.get(made.status, Event.ACCEPT), made.error_code or 0)

    async def look(self, letter: Letter, age_s: float) -> Sequence[Found] | None:
        """What Twilio has of it. Its list tells neither our name nor the address that it was given,
        so what was sent by us to the same recipient since may be it.

        Raises:
            TwilioAway
        """
        await self._rest.open()
        try:
            if letter.provider_id is not None:
                return [_found(await self._rest.message(letter.provider_id), letter)]
            listed = await self._rest.messages(to=_to(letter), most=LOOKED)
        except TwilioRefused as refused:
            if refused.gone and letter.provider_id is not None:
                return []
            # Its own words may name the recipient.
            raise TwilioAway(f"it refuses with {refused.code}", sent=False) from refused
        young = [one for one in listed if not self._older(one, age_s)]
        if len(young) == LOOKED:
            return None
        return [_found(one, letter) for one in young if self._ours(one)]

    def _ours(self, one: Message) -> bool:
        if one.direction != "outbound-api":
            return False
        return self._service or (one.sender or "").removeprefix(WHATSAPP) == self._sender

    def _older(self, one: Message, age_s: float) -> bool:
        """Whether it was made longer ago, both by Twilio's own clock: ours may be off."""
        try:
            now = email.utils.parsedate_to_datetime(self._rest.date)
            made = email.utils.parsedate_to_datetime(one.date_created or "")
        except ValueError:
            return False
        return (now - made).total_seconds() > age_s + SLACK_S


def refusal(refused: TwilioRefused) -> Turned | NotNow:
    """What a refusal means for the message."""
    if refused.code == OPTED_OUT:
        return Turned(refused.code, Reason.OPTED_OUT)
    again = refused.code in AGAIN or refused.status in AGAIN_STATUS
    if again and refused.code not in FOR_GOOD:
        return NotNow(refused.code or refused.status)
    return Turned(refused.code or refused.status)


def _to(letter: Letter) -> str:
    return (WHATSAPP if letter.channel is Channel.WHATSAPP else "") + letter.recipient


def _found(one: Message, letter: Letter) -> Found:
    """A trial account puts words before the text; a template has its own around ours."""
    body = one.body or ""
    if letter.channel is Channel.WHATSAPP and letter.content is not None:
        same = all(value in body for value in letter.params.values())
    else:
        same = body.endswith(letter.text)
    return Found(one.sid, EVENTS.get(one.status, Event.ACCEPT), one.error_code or 0, same)
