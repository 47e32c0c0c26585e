"""Access tokens, and the page with telephones."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import jwt
import pytest
from twilio.jwt.access_token import AccessToken  # type: ignore[import-untyped]
from twilio.jwt.access_token.grants import VoiceGrant  # type: ignore[import-untyped]

from tests.fake_twilio import FakeTwilio, TokenRefused
from tests.fake_twilio.site import Site, connect

OURS = "+622150630"


def token(twilio: FakeTwilio, key: tuple[str, str], who: str = "ani", **more: Any) -> str:
    made = AccessToken(twilio.account_sid, *key, identity=who, **more)
    made.add_grant(VoiceGrant(incoming_allow=True))
    return str(made.to_jwt())


async def test_a_browser_registers_with_a_token(twilio: FakeTwilio) -> None:
    phone = twilio.softphone(token(twilio, twilio.api_key()))
    assert phone.address == "client:ani"
    assert twilio.softphone(token(twilio, twilio.api_key())) is phone


async def test_tokens_that_open_nothing(twilio: FakeTwilio) -> None:
    key = twilio.api_key()
    forged = jwt.encode({"iss": key[0], "sub": twilio.account_sid}, "x" * 32)
    no_grant = AccessToken(twilio.account_sid, *key, identity="ani").to_jwt()
    for made, code in (
        ("not a token", 20101),
        (forged, 20101),
        (token(twilio, (twilio.api_key()[0], "wrong" * 8)), 20101),
        (token(twilio, ("SK" + "0" * 32, "unknown" * 8)), 20103),
        (token(twilio, key, ttl=-10, nbf=int(time.time()) - 60), 20104),
        (token(twilio, key, ttl=48 * 3600), 20157),
        (no_grant, 20106),
        (token(twilio, key, who="a b"), 31105),
    ):
        with pytest.raises(TokenRefused) as refused:
            twilio.softphone(made)
        assert refused.value.code == code


async def test_telephones_are_used_over_http(twilio: FakeTwilio, site: Site) -> None:
    connect(
        twilio, site, voice='<Gather action="/next" numDigits="1"><Say>Menu</Say></Gather>', next=""
    )
    twilio.world.numbers[OURS].sms_url = f"{site.url}/sms"
    site.answers["/sms"] = "<Message>Hello</Message>"
    at = f"{twilio.base_url}/phones/%2B628111000111"
    async with aiohttp.ClientSession() as session:

        async def post(url: str, **body: Any) -> Any:
            async with session.post(url, json=body) as answer:
                return await answer.json() if answer.status == 200 else answer.status

        assert await post(f"{at}/dial", to=OURS) == 404
        await post(f"{twilio.base_url}/phones", address="+628111000111")
        state = await post(f"{at}/dial", to=OURS)
        assert state["phones"][0]["heard"] == ["say: Menu"]
        assert await post(f"{at}/answer") == 409
        await post(f"{at}/press", keys="1")
        assert site.last("/next")["Digits"] == "1"
        state = await post(
            f"{twilio.base_url}/messages", **{"from": "+628", "to": OURS, "body": "?"}
        )
        assert [one["body"] for one in state["messages"]] == ["?", "Hello"]
        async with session.get(twilio.base_url) as page:
            assert "Fake Twilio" in await page.text()
