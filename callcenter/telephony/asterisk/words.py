"""Text from the phone network is untrusted: what of it we let in."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[0-9A-Za-z+*#._-]{1,32}")
_NO_NUMBER = frozenset(
    {"anonymous", "unknown", "restricted", "private", "unavailable", "asterisk", "s"}
)
_SIP = re.compile(r"sip:[A-Za-z0-9_.!~*'()+-]{1,64}@[A-Za-z0-9.\[\]:-]{1,128}")
_PHONE = re.compile(r"\+?[0-9]{3,16}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_-]{1,64}")


def caller_number(text: str) -> str | None:
    """The caller's number as the network gave it; None when it is withheld or no number at all."""
    text = text.strip()
    if text.lower() in _NO_NUMBER or not _NUMBER.fullmatch(text):
        return None
    return text


def called_number(text: str) -> str:
    """The number that was called, or ``""``."""
    return text if _NUMBER.fullmatch(text) else ""


def sip_address(text: str) -> str | None:
    """``text`` if it is a plain SIP address, which cannot carry headers or parameters."""
    return text if _SIP.fullmatch(text) else None


def phone_number(text: str, prefixes: tuple[str, ...]) -> str | None:
    """``text`` if it is a telephone number that may be called: it begins with one of
    ``prefixes``. Whoever can make us call anywhere makes us pay."""
    return text if _PHONE.fullmatch(text) and text.startswith(prefixes) else None


def endpoint_name(agent: str) -> str | None:
    """The name of an agent's softphone account."""
    return f"agent-{agent}" if _ENDPOINT.fullmatch(agent) else None


def agent_of(endpoint: str) -> str | None:
    """The agent whose softphone account ``endpoint`` is."""
    return endpoint.removeprefix("agent-") if endpoint.startswith("agent-") else None
