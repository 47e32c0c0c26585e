"""``callcenter twilio check`` and ``connect``, against the fake Twilio."""

from __future__ import annotations

import msgspec
import pytest

from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.rest import Access
from callcenter.telephony.twilio.setup import Finding, NoSuchNumber, check, connect
from tests.fake_twilio import FakeTwilio

NUMBER = "+622150630150"
BASE = "https://hotline.invalid"


def options(twilio: FakeTwilio) -> Options:
    return Options(account=twilio.account_sid, number=NUMBER, base_url=BASE)


def access(twilio: FakeTwilio, token: str | None = None) -> Access:
    account = twilio.account_sid
    return Access(account, account, token or twilio.auth_token, twilio.base_url)


def bad(found: list[Finding]) -> str:
    return "\n".join(one.text for one in found if not one.good)


async def test_a_wrong_secret_is_said_first() -> None:
    async with FakeTwilio() as twilio:
        (only,) = await check(options(twilio), access(twilio, "wrong"))
    assert not only.good
    assert "refuses" in only.text


async def test_a_twilio_that_is_not_there() -> None:
    (only,) = await check(
        Options(account="AC" + "0" * 32, number=NUMBER, base_url=BASE),
        Access("AC" + "0" * 32, "x", "y", "http://127.0.0.1:9"),
    )
    assert "is away" in only.text


async def test_what_is_wrong_is_named_and_connect_mends_it() -> None:
    async with FakeTwilio() as twilio:
        twilio.number(NUMBER, voice_url="https://elsewhere.example/voice")
        before = bad(await check(options(twilio), access(twilio)))
        assert f"it should be {BASE}/twilio/voice" in before
        assert f"it should be {BASE}/twilio/status" in before
        assert f"it should be {BASE}/twilio/messages/incoming" in before
        told: list[str] = []
        await connect(options(twilio), access(twilio), None, told.append)
        assert f"VoiceUrl: {BASE}/twilio/voice" in told
        assert f"SmsUrl: {BASE}/twilio/messages/incoming" in told
        found = await check(options(twilio), access(twilio))
        # That host does not exist: it is the one thing left.
        assert bad(found).splitlines() == [
            f"{BASE}/twilio/voice is not reached from here: ClientConnectorDNSError"
        ]
        assert twilio.problems == []


async def test_a_fallback_elsewhere_is_as_good() -> None:
    async with FakeTwilio() as twilio:
        twilio.number(NUMBER)
        bin_url = "https://handler.example/bin"
        await connect(options(twilio), access(twilio), bin_url, lambda _line: None)
        await connect(options(twilio), access(twilio), None, lambda _line: None)  # and it stays
        found = await check(options(twilio), access(twilio))
        assert any(bin_url in one.text and one.good for one in found)


async def test_a_number_that_the_account_does_not_have() -> None:
    async with FakeTwilio() as twilio:
        with pytest.raises(NoSuchNumber):
            await connect(options(twilio), access(twilio), None, lambda _line: None)
        assert NUMBER in bad(await check(options(twilio), access(twilio)))


async def test_an_address_without_tls_is_not_good() -> None:
    async with FakeTwilio() as twilio:
        twilio.number(NUMBER)
        plain = msgspec.structs.replace(options(twilio), base_url="http://127.0.0.1:8000")
        assert "by https" in bad(await check(plain, access(twilio)))


async def test_a_number_without_sms_is_said_plainly() -> None:
    async with FakeTwilio() as twilio:
        twilio.number(NUMBER).sms = False
        told: list[str] = []
        await connect(options(twilio), access(twilio), None, told.append)
        assert "The number has no SMS" in told[-1]
        assert twilio.world.numbers[NUMBER].sms_url == ""
        own = msgspec.structs.replace(options(twilio), sms_from=NUMBER)
        assert "TWILIO_MESSAGES_FROM" in bad(await check(own, access(twilio)))
        other = msgspec.structs.replace(options(twilio), sms_from="KEMNAKER")
        assert "SMS" not in bad(await check(other, access(twilio)))
