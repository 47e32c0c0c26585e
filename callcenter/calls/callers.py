"""Callers' numbers as networks give them: untrusted text."""

from __future__ import annotations

import phonenumbers

_WITHHELD = {"", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld"}
#: ITU-T E.164: at most 15 digits; short codes and network prefixes may add a few.
_MOST_DIGITS = 20


def normalise(raw: str | None, region: str = "ID") -> str | None:
    """``raw`` in E.164 if it is a possible number, else its digits (with a leading ``+`` where it
    had one); None when it is withheld."""
    if raw is None or raw.strip().lower() in _WITHHELD:
        return None
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        pass
    else:
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    digits = "".join(sign for sign in raw if sign in "0123456789")[:_MOST_DIGITS]
    return ("+" if raw.strip().startswith("+") else "") + digits if digits else None
