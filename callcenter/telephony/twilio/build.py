"""The Twilio line as the settings want it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from callcenter.clock import Clock
from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.messages.model import Channel
from callcenter.messages.rules import Allowed
from callcenter.messages.sender import Sender
from callcenter.messages.texts import Texts
from callcenter.settings import Settings
from callcenter.telephony.twilio.addresses import Addresses
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.inbox import Inbox
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.telephony.twilio.messaging import TwilioSender
from callcenter.telephony.twilio.names import StoredNames
from callcenter.telephony.twilio.rest import Access, Rest
from callcenter.telephony.twilio.signature import Secrets
from callcenter.telephony.twilio.sounds import Sounds
from callcenter.telephony.twilio.twiml import Speech


def access(settings: Settings) -> Access:
    """How we ask Twilio: with the API key where there is one, else with the auth token."""
    account = settings.twilio_account_sid or ""
    user, password = account, settings.twilio_auth_token or ""
    if settings.twilio_api_key:
        user, password = settings.twilio_api_key, settings.twilio_api_secret or ""
    return Access(account, user, password, settings.twilio_api_url)


def secrets(settings: Settings) -> Secrets:
    """What Twilio may sign with."""
    key, _, secret = (settings.twilio_webhook_key or "").partition(":")
    return Secrets(settings.twilio_auth_token or "", {key: secret} if key else {})


def options(settings: Settings) -> Options:
    """How the operator wants it."""
    return Options(
        account=settings.twilio_account_sid or "",
        number=settings.twilio_number or "",
        base_url=settings.base_url,
        calls_per_s=settings.twilio_calls_per_s,
        prefixes=settings.twilio_prefixes,
        keep_recordings=settings.twilio_keep_recordings,
        keep_calls=settings.twilio_keep_calls,
        sms_from=sms_from(settings),
    )


def sms_from(settings: Settings) -> str:
    """Whom SMS come from; ``""`` for nobody."""
    if settings.twilio_messages_from == "none":
        return ""
    return settings.twilio_messages_from or settings.twilio_number or ""


def twilio_line(settings: Settings, database: Database, clock: Clock, audio: Path) -> TwilioLine:
    """The line; ``audio``: the folder of recorded prompts. Reading it blocks."""
    key = None
    if settings.twilio_api_key and settings.twilio_api_secret:
        key = settings.twilio_api_key, settings.twilio_api_secret
    return TwilioLine(
        options(settings),
        access(settings),
        secrets(settings),
        names=StoredNames(database, clock),
        sounds=Sounds(audio),
        speech={
            "id": Speech("id-ID", settings.twilio_voice_id),
            "en": Speech("en-US", settings.twilio_voice_en),
        },
        key=key,
    )


def senders(settings: Settings) -> dict[Channel, Sender]:
    """What sends messages by Twilio; empty without an account."""
    if settings.twilio_account_sid is None:
        return {}
    ours = {Channel.SMS: sms_from(settings), Channel.WHATSAPP: settings.twilio_whatsapp_from}
    addresses = Addresses(settings.base_url)
    return {
        channel: TwilioSender(Rest(access(settings)), sender, addresses)
        for channel, sender in ours.items()
        if sender
    }


def inbox(
    settings: Settings,
    database: Database,
    keys: Keys,
    clock: Clock,
    *,
    texts: Texts,
    allowed: Allowed,
    tell: Callable[[], None],
) -> Inbox:
    """Who hears Twilio's webhooks about messages."""
    return Inbox(
        options(settings),
        secrets(settings),
        database=database,
        keys=keys,
        clock=clock,
        texts=texts,
        allowed=allowed,
        tell=tell,
    )
