"""Twilio's published examples of a signature, and each of them with one byte changed."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.telephony.twilio.signature import SETTINGS, SIGNATURE, Secrets, signed

#: https://www.twilio.com/docs/usage/security, and the tests of Twilio's own libraries.
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TOKEN = "12345"
FORM = (
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
)
EXAMPLE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
SECRETS = Secrets(TOKEN, {"key1": "shared"})


def check(url: str, form: object = FORM, sign: str = EXAMPLE, secrets: Secrets = SECRETS) -> bool:
    return signed(url, form, {SIGNATURE: sign}, secrets)  # type: ignore[arg-type]


def test_the_published_example() -> None:
    assert check(URL)
    assert check(URL, reversed(FORM))


def test_the_libraries_examples() -> None:
    """One signed without the port and asked with it, one the other way round."""
    assert check(URL.replace(".com", ".com:443"))
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    made = hmac.digest(TOKEN.encode(), url.replace(".com", ".com:443").encode() + _tail(), "sha1")
    assert check(url, sign=base64.b64encode(made).decode())
    explicit = "https://mycompany.com:1234/myapp.php?foo=1&bar=2"
    made = hmac.digest(TOKEN.encode(), explicit.encode() + _tail(), "sha1")
    assert check(explicit, sign=base64.b64encode(made).decode())


def _tail() -> bytes:
    return "".join(name + value for name, value in FORM).encode()


@pytest.mark.parametrize("at", range(len(URL)))
def test_a_byte_of_the_address(at: int) -> None:
    old = URL[at]
    other = str((int(old) + 1) % 10) if old.isdigit() else "y" if old == "x" else "x"
    assert not check(URL[:at] + other + URL[at + 1 :])


@pytest.mark.parametrize("at", range(len(EXAMPLE)))
def test_a_byte_of_the_signature(at: int) -> None:
    other = "A" if EXAMPLE[at] != "A" else "B"
    assert not check(URL, sign=EXAMPLE[:at] + other + EXAMPLE[at + 1 :])
    assert not check(URL, sign=EXAMPLE[:at] + EXAMPLE[at + 1 :])


def test_a_byte_of_the_form() -> None:
    for n, (name, value) in enumerate(FORM):
        for at in range(len(value)):
            changed = (*FORM[:n], (name, value[:at] + "x" + value[at + 1 :]), *FORM[n + 1 :])
            assert not check(URL, changed)
        assert not check(URL, (*FORM[:n], *FORM[n + 1 :]))


def test_repeated_names() -> None:
    """As Twilio's libraries do it: each distinct value, in order."""
    form = (("MessagingBinding", "b"), ("MessagingBinding", "a"), ("MessagingBinding", "a"))
    tail = b"MessagingBindingaMessagingBindingb"
    made = base64.b64encode(hmac.digest(TOKEN.encode(), URL.encode() + tail, "sha1")).decode()
    assert check(URL, form, made)
    assert not check(URL, form[:1], made)


def test_a_shared_key() -> None:
    made = base64.b64encode(hmac.digest(b"shared", URL.encode() + _tail(), hashlib.sha256))
    good = {SIGNATURE: made.decode(), SETTINGS: "key=key1,algorithm=HMAC_SHA256"}
    assert signed(URL, FORM, good, SECRETS)
    assert not signed(URL, FORM, {SIGNATURE: made.decode()}, SECRETS)
    for settings in (
        "",
        "key=key2,algorithm=HMAC_SHA256",
        "key=key1",
        "key=key1,algorithm=HMAC_SHA1",
        "algorithm=HMAC_SHA256",
    ):
        assert not signed(URL, FORM, good | {SETTINGS: settings}, SECRETS)
    # The auth token is not good for what claims to be signed with a shared key.
    assert not signed(URL, FORM, {SIGNATURE: EXAMPLE, SETTINGS: good[SETTINGS]}, SECRETS)


def test_the_secrets_are_not_printed() -> None:
    assert TOKEN not in repr(SECRETS)
    assert "shared" not in repr(SECRETS)


@given(st.text(max_size=60))
def test_no_text_is_a_signature(text: str) -> None:
    assert not check(URL, sign=text) or text == EXAMPLE
