"""The Twilio line as the settings want it."""

from __future__ import annotations

from pathlib import Path

from callcenter.clock import Clock
from callcenter.db import Database
from callcenter.settings import Settings
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.telephony.twilio.names import StoredNames
from callcenter.telephony.twilio.rest import Access
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
    )


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
