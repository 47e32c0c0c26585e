"""How Twilio signs what it sends (https://www.twilio.com/docs/usage/webhooks/webhooks-security).

The signature is base64(HMAC(secret, URL + every POST parameter's name and value, sorted by name)).
With the auth token it is HMAC-SHA1; with a shared webhook key it is HMAC-SHA256, and the header
``X-Twilio-Webhooks-Signature-Settings: key=…,algorithm=HMAC_SHA256`` says so.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

SIGNATURE = "X-Twilio-Signature"
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SharedKey:
    """A key for HMAC-SHA256 signatures. ``sid`` names it in the header."""

    sid: str
    secret: str


def signature(secret: str, url: str, params: Params, algorithm: str = "sha1") -> str:
    """The signature of a request to ``url``, which is as Twilio was given it, without fragment.

    A name that comes several times counts with its distinct values, sorted.
    """
    text = url.partition("#")[0]
    for name in sorted({name for name, _ in params}):
        for value in sorted({value for one, value in params if one == name}):
            text += name + value
    digest = hmac.new(secret.encode(), text.encode(), getattr(hashlib, algorithm)).digest()
    return base64.b64encode(digest).decode()


def signed_headers(
    url: str, params: Params, token: str, shared_key: SharedKey | None = None
) -> dict[str, str]:
    """The headers that sign a webhook: with the auth token, or with a shared key."""
    if shared_key is None:
        return {SIGNATURE: signature(token, url, params)}
    return {
        SIGNATURE: signature(shared_key.secret, url, params, "sha256"),
        SETTINGS: f"key={shared_key.sid},algorithm=HMAC_SHA256",
    }
