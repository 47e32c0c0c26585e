"""Is it Twilio who asks? Its signature is the only door of the webhooks. Pure.

Twilio signs the address that we gave it and the form that it sends: with the account's auth token
(HMAC-SHA1), or with a shared webhook key (HMAC-SHA256), which a second header then names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit, urlunsplit

import msgspec

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"

_PORTS = {"http": 80, "https": 443}
Form = Iterable[tuple[str, str]]


class Secrets(msgspec.Struct, frozen=True):
    """What Twilio may sign with: the auth token, and shared keys by their id."""

    token: str
    shared: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return "Secrets()"


def signed(url: str, form: Form, headers: Mapping[str, str], secrets: Secrets) -> bool:
    """Whether Twilio signed this request.

    ``url`` is the whole address with the query as it was sent; ``form`` all pairs, repeated names
    too; ``headers`` with lower-case names.
    """
    given = headers.get(SIGNATURE, "")
    if not given or not given.isascii():
        return False
    secret, algorithm = secrets.token, hashlib.sha1
    if SETTINGS in headers:
        settings = _settings(headers[SETTINGS])
        known = secrets.shared.get(settings.get("key", ""))
        if known is None or settings.get("algorithm", "").upper() != "HMAC_SHA256":
            return False
        secret, algorithm = known, hashlib.sha256
    tail = _canonical(form)
    # Twilio itself is not of one mind whether the scheme's usual port belongs to the address.
    found = [
        hmac.compare_digest(
            base64.b64encode(hmac.digest(secret.encode(), one + tail, algorithm)), given.encode()
        )
        for one in (address.encode() for address in _with_and_without_port(url))
    ]
    return any(found)


def _canonical(form: Form) -> bytes:
    """Each distinct pair, name directly before value, in order."""
    return "".join(name + value for name, value in sorted(set(form))).encode()


def _settings(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.port is not None:
        bare = host.rpartition(":")[0]
        return url, urlunsplit(parts._replace(netloc=bare))
    port = _PORTS.get(parts.scheme, 443)
    return url, urlunsplit(parts._replace(netloc=f"{host}:{port}"))
