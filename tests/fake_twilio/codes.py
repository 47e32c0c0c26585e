"""Twilio's error and warning codes that the fake can raise, and the list of what went wrong.

The numbers and texts are those of Twilio's Error and Warning Dictionary
(https://www.twilio.com/docs/api/errors).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: A request reached Twilio, and the fake has no such feature: mend the fake or the request.
NOT_MODELLED = 0

CODES: dict[int, str] = {
    NOT_MODELLED: "The fake does not model this",
    11100: "Invalid URL format",
    11200: "HTTP retrieval failure",
    11205: "HTTP connection failure",
    11210: "HTTP bad host name",
    11215: "HTTP too many redirects",
    11750: "TwiML response body too large",
    12100: "Document parse failure",
    12102: "The root element must be Response",
    12200: "Schema validation warning",
    12300: "Invalid Content-Type",
    13000: "Conference Noun cannot be mixed with Number nouns",
    13210: "Dial: Invalid method value",
    13212: "Dial: Invalid timeout value",
    13213: "Dial: Invalid hangupOnStar value",
    13214: "Dial: Invalid callerId value",
    13215: "Dial: Invalid nested element",
    13216: "Dial: Invalid timeLimit value",
    13221: "Dial->Number: Invalid method value",
    13223: "Dial: Invalid phone number format",
    13224: "Dial: Twilio does not support calling this number or the number is invalid",
    13230: "Dial->Conference: Invalid muted value",
    13231: "Dial->Conference: Invalid endConferenceOnExit value",
    13232: "Dial->Conference: Invalid startConferenceOnEnter value",
    13233: "Dial->Conference: Invalid waitUrl",
    13234: "Dial->Conference: Invalid waitMethod",
    13235: "Dial->Conference: Invalid beep value",
    13237: "Dial->Conference: Invalid Conference Name",
    13238: "Dial->Conference: Invalid Verb used in waitUrl, holdUrl, or announceUrl TwiML",
    13240: "Dial->Conference: Invalid coach value",
    13243: "Dial->SIP: Invalid SIP URI",
    13310: "Gather: Invalid finishOnKey value",
    13312: "Gather: Invalid method value",
    13313: "Gather: Invalid timeout value",
    13314: "Gather: Invalid numDigits value",
    13320: "Gather: Invalid nested verb",
    13325: "Gather->Play: Invalid Content-Type",
    13338: "Gather: Invalid actionOnEmptyResult value",
    13410: "Play: Invalid loop value",
    13420: "Play: Invalid Content-Type",
    13510: "Say: Invalid loop value",
    13511: "Say: Invalid voice value",
    13512: "Say: Invalid language value",
    13520: "Say: Invalid text",
    13521: "`<Say>` element character limits exceeded",
    13610: "Record: Invalid method value",
    13611: "Record: Invalid timeout value",
    13612: "Record: Invalid maxLength value",
    13613: "Record: Invalid finishOnKey value",
    13616: "Record: playBeep must be true or false",
    13710: "Redirect: Invalid method value",
    13810: "Reject: Invalid reason value",
    13910: "Pause: Invalid length value",
    14101: "Invalid 'To' attribute",
    15003: "Call Progress: Error Response to Callback URL",
    15004: "Action Callback URL must be absolute when using TwiML to update in-progress calls",
    16023: "Conference: Participant label invalid (max 128 chars, not CallSid, no '/')",
    16025: "Dial->Conference: participant label is already taken",
    20001: "Unknown parameters or bad request",
    20003: "Authenticate",
    20101: "Invalid Access Token",
    20103: "Invalid Access Token issuer/subject",
    20104: "Access Token expired or expiration date invalid",
    20106: "Invalid Access Token grants",
    20157: "Expiration Time in the Access Token Exceeds Maximum Time Allowed",
    20403: "403 Forbidden",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal server error",
    21201: "No 'To' number is specified",
    21205: "Invalid URL",
    21210: "'From' phone number not verified",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid 'From' Number",
    21213: "'From' phone number is required",
    21216: "Call blocked by Twilio blocklist",
    21220: "Call is not in-progress. Cannot redirect.",
    21402: "Invalid Url",
    21405: "Cannot set VoiceFallbackUrl without setting Url",
    21406: "Cannot set SmsFallbackUrl without setting SmsUrl",
    21408: "Permission to send an SMS has not been enabled for the region",
    21602: "Message body is required",
    21603: "'From' phone number is required to send an SMS",
    21604: "'To' phone number is required to send an SMS",
    21606: "The 'From' phone number provided is not a valid message-capable Twilio phone number",
    21609: "Invalid 'StatusCallback' URL",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21626: "Invalid statusCallbackEvents",
    21655: "The ContentSid is Invalid",
    21656: "The Content Variables parameter is invalid",
    21703: "The Messaging Service does not have a phone number available to send a message",
    31105: "Invalid client name",
    30003: "Unreachable destination handset",
    30006: "Landline or unreachable carrier",
    63016: "Failed to send freeform message because you are outside the allowed window",
}


@dataclass(frozen=True)
class Problem:
    """Something that Twilio would have refused, or logged as an error or a warning.

    ``injected``: it happened because a test made it happen (a dropped webhook), not because of
    what the application did.
    """

    code: int
    detail: str
    at: float
    call: str | None = None
    url: str | None = None
    injected: bool = False

    def __str__(self) -> str:
        place = f" [{self.call or ''} {self.url or ''}]".replace("[ ]", "")
        return f"{self.code} {CODES[self.code]}: {self.detail}{place}"


#: ``report(code, detail, call=…, url=…)``
Report = Callable[..., None]


class Problems:
    """Everything that went wrong, in order."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.all: list[Problem] = []

    def report(
        self,
        code: int,
        detail: str,
        *,
        call: str | None = None,
        url: str | None = None,
        injected: bool = False,
    ) -> None:
        self.all.append(Problem(code, detail, self._now(), call, url, injected))

    @property
    def own(self) -> list[Problem]:
        """Those that no test injected: a correct application has none."""
        return [problem for problem in self.all if not problem.injected]

    def codes(self) -> list[int]:
        return [problem.code for problem in self.all]
