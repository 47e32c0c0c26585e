"""Is the Twilio account set up for us? ``callcenter twilio check`` looks, ``connect`` sets it."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Callable

import aiohttp
import msgspec

from callcenter.telephony.twilio.addresses import FALLBACK, STATUS, VOICE, Addresses
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.rest import Access, Number, Rest, TwilioAway, TwilioRefused

#: A clock that is further off makes tokens and dates wrong.
CLOCK_S = 60.0
REACH_S = 10.0
#: What our door says to whoever is not Twilio.
REFUSED = 403


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; ``text`` says how it is, and what to do when it is not good."""

    good: bool
    text: str


class NoSuchNumber(LookupError):
    """The account does not have our number."""


async def check(options: Options, access: Access) -> list[Finding]:
    """Everything that must be right before the first call; looks only, changes nothing."""
    async with Rest(access) as rest:
        try:
            account = await rest.account()
        except TwilioRefused as refused:
            return [Finding(False, f"Twilio refuses the account or its secret ({refused})")]
        except TwilioAway as away:
            return [Finding(False, f"{away}; is {access.url} reached from here?")]
        found = [Finding(account.status == "active", f"the account is {account.status}")]
        if account.type == "Trial":
            found.append(Finding(True, "a trial account: only verified numbers can be called"))
        found.append(_clock(rest.date))
        number = await rest.number(options.number)
    if number is None:
        found.append(Finding(False, f"the account has no number {options.number}"))
    else:
        found += _number(number, Addresses(options.base_url))
        found += _messages(number, options)
    found.append(await _reached(options.base_url))
    return found


def _clock(date: str) -> Finding:
    try:
        away = abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return Finding(True, "Twilio did not tell the time")
    good = away <= CLOCK_S
    return Finding(good, f"this machine's clock is {away:.0f} s off" + ("" if good else "; set it"))


def _number(number: Number, addresses: Addresses) -> list[Finding]:
    def is_(what: str, given: str | None, wanted: str) -> Finding:
        good = given == wanted
        told = f"{what}: {given or 'nothing'}"
        return Finding(good, told if good else f"{told}; it should be {wanted} (twilio connect)")

    fallback = number.voice_fallback_url or ""
    elsewhere = bool(fallback) and not fallback.startswith(addresses.base)
    found = [
        is_("calls ask", number.voice_url, addresses.of(VOICE)),
        is_("by", number.voice_method, "POST"),
        is_("their end is told to", number.status_callback, addresses.of(STATUS)),
    ]
    if elsewhere:
        found.append(Finding(True, f"when we fail they ask elsewhere: {fallback}"))
    else:
        found.append(is_("when we fail they ask", fallback, addresses.of(FALLBACK)))
        found.append(Finding(True, "with this machine down that fails too: see docs/twilio.md"))
    owners = [one for one in (number.voice_application_sid, number.trunk_sid) if one]
    return found + [
        Finding(False, f"the number belongs to {one}, which goes first") for one in owners
    ]


def _messages(number: Number, options: Options) -> list[Finding]:
    """What is written to the number, and by it."""
    own = options.sms_from == options.number
    if not number.capabilities.sms:
        if own:
            text = f"{options.number} can't send SMS: set TWILIO_MESSAGES_FROM (none for no SMS)"
            return [Finding(False, text)]
        return [Finding(True, f"{options.number} has no SMS, so nobody can write to it")]
    wanted = Addresses(options.base_url).incoming_messages()
    found = [Finding(True, f"SMS are sent from {options.sms_from}")] if options.sms_from else []
    if number.sms_application_sid:
        text = f"SMS to the number go to {number.sms_application_sid}, not to us"
        return [*found, Finding(False, text)]
    good = number.sms_url == wanted and number.sms_method == "POST"
    told = f"SMS to the number are told to {number.sms_url or 'nobody'}"
    hint = "" if good else f"; it should be {wanted} by POST (twilio connect)"
    return [*found, Finding(good, told + hint)]


async def _reached(base: str) -> Finding:
    """Ask our own door as a stranger: it must be there, and closed."""
    url = Addresses(base).of(VOICE)
    if not base.startswith("https:"):
        return Finding(False, f"PUBLIC_BASE_URL is {base}; Twilio must reach it by https")
    try:
        async with (
            asyncio.timeout(REACH_S),
            aiohttp.ClientSession() as session,
            session.post(url, data={"CallSid": "CA"}, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Finding(False, f"{url} is not reached from here: {type(error).__name__}")
    if status != REFUSED:
        return Finding(False, f"{url} answers {status}, not {REFUSED}: is it this application?")
    return Finding(True, f"{url} is there and refuses strangers")


async def connect(
    options: Options, access: Access, fallback: str | None, tell: Callable[[str], None]
) -> None:
    """Set the number's addresses to ours; ``fallback``: another one for when we fail, None: the one
    that is set, if it lies elsewhere, else ours.

    Raises:
        NoSuchNumber: the account does not have it.
        TwilioRefused, TwilioAway
    """
    addresses = Addresses(options.base_url)
    async with Rest(access) as rest:
        number = await rest.number(options.number)
        if number is None:
            raise NoSuchNumber(f"the account has no number {options.number}")
        set_before = number.voice_fallback_url or ""
        kept = "" if set_before.startswith(addresses.base) else set_before
        wanted = {
            "VoiceUrl": addresses.of(VOICE),
            "VoiceMethod": "POST",
            "VoiceFallbackUrl": fallback or kept or addresses.of(FALLBACK),
            "VoiceFallbackMethod": "POST",
            "StatusCallback": addresses.of(STATUS),
            "StatusCallbackMethod": "POST",
        }
        if number.capabilities.sms:
            wanted |= {"SmsUrl": addresses.incoming_messages(), "SmsMethod": "POST"}
        await rest.set_number(number.sid, list(wanted.items()))
    for name, value in wanted.items():
        tell(f"{name}: {value}")
    if not number.capabilities.sms:
        tell("The number has no SMS: nobody can write to it, and it can't write to anybody.")
