"""The webhooks' door, through the whole application: only what Twilio signed, only as it sends it.

Nothing is known about Twilio's REST API here: nobody answers at that address.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import func, select

from callcenter import settings as settings_module
from callcenter.app import App, assemble, running
from callcenter.calls import tables
from callcenter.clock import Given
from callcenter.line import LineResumed, Signal
from callcenter.people import accounts
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from callcenter.telephony.twilio import signature
from callcenter.telephony.twilio.webhooks import MOST_BYTES, MOST_FIELDS
from tests.fake_twilio.signing import SharedKey, signed_headers
from tests.web.conftest import PASSWORD, eventually

ACCOUNT = "AC" + "a1" * 16
TOKEN = "f" * 32
KEY = SharedKey("webhooks_sharedkey_1", "a-shared-secret")
BASE = "https://hotline.example:8443"
NUMBER = "+622150630150"
CALL = "CA" + "b2" * 16
FORM = "application/x-www-form-urlencoded"

Params = dict[str, str]


class Door:
    """The application behind a proxy, and Twilio in front of it."""

    def __init__(self, app: App, http: httpx2.AsyncClient) -> None:
        self.app = app
        self.http = http

    async def post(
        self,
        path: str,
        params: Params | list[tuple[str, str]],
        *,
        key: SharedKey | None = None,
        signed: bool = True,
        base: str = BASE,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> httpx2.Response:
        pairs = list(params.items()) if isinstance(params, dict) else params
        with_signature = signed_headers(base + path, pairs, TOKEN, key) if signed else {}
        return await self.http.post(
            path,
            content=urlencode(pairs).encode() if body is None else body,
            headers={"Content-Type": FORM, **with_signature, **(headers or {})},
        )

    async def calls(self) -> int:
        wanted = select(func.count()).select_from(tables.call)
        found: int = await self.app.db.read(lambda conn: conn.execute(wanted).scalar_one())
        return found


def environment(sqlite_url: str, tmp_path: Path, api: str) -> dict[str, str]:
    return {
        "CALLCENTER_VAR": str(tmp_path / "var"),
        "DATABASE_URL": sqlite_url,
        "PUBLIC_BASE_URL": BASE,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_NUMBER": NUMBER,
        "TWILIO_WEBHOOK_KEY": f"{KEY.sid}:{KEY.secret}",
        "TWILIO_API_URL": api,
    }


@pytest.fixture
async def door(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Door]:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    settings = settings_module.load(environment(sqlite_url, tmp_path, address))
    app = assemble(settings)
    assert app.twilio is not None
    transport = httpx2.ASGITransport(app.web)
    async with running(app), httpx2.AsyncClient(transport=transport, base_url=BASE) as http:
        app.twilio.resumed.set()  # nobody tells what exists
        yield Door(app, http)


def arrival(**more: str) -> Params:
    return {
        "CallSid": CALL,
        "AccountSid": ACCOUNT,
        "From": "+628111000111",
        "To": NUMBER,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
        **more,
    }


# --- who asks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, KEY], ids=["sha1", "sha256"])
async def test_a_signed_call_is_answered(door: Door, key: SharedKey | None) -> None:
    answer = await door.post("/twilio/voice", arrival(), key=key)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Gather" in answer.text
    assert "Kementerian Ketenagakerjaan" in answer.text
    assert f"{BASE}/twilio/legs/{CALL}/" in answer.text
    assert await door.calls() == 1


async def test_unsigned_is_refused_and_told_nothing(door: Door) -> None:
    answer = await door.post("/twilio/voice", arrival(), signed=False)
    assert (answer.status_code, answer.content) == (403, b"")
    assert await door.calls() == 0
    counted = (await door.http.get("/metrics")).text.splitlines()
    assert 'callcenter_line_refused_webhooks_total{line="twilio"} 1.0' in counted
    assert 'callcenter_line_late_webhooks_total{line="twilio"} 0.0' in counted


@pytest.mark.parametrize("key", [None, KEY], ids=["sha1", "sha256"])
async def test_one_byte_more_or_less_is_refused(door: Door, key: SharedKey | None) -> None:
    good = signed_headers(f"{BASE}/twilio/voice", list(arrival().items()), TOKEN, key)
    sign = good[next(name for name in good if name.lower() == signature.SIGNATURE)]
    for at in range(len(sign)):
        forged = sign[:at] + ("A" if sign[at] != "A" else "B") + sign[at + 1 :]
        headers = good | {"X-Twilio-Signature": forged}
        answer = await door.post("/twilio/voice", arrival(), signed=False, headers=headers)
        assert answer.status_code == 403
    for name in arrival():
        changed = arrival(**{name: arrival()[name] + "0"})
        answer = await door.post("/twilio/voice", changed, signed=False, headers=good)
        assert answer.status_code == 403
    assert await door.calls() == 0


async def test_the_public_address_is_what_is_signed(door: Door) -> None:
    """Behind a proxy the request came under another one."""
    inside = {"Host": "127.0.0.1:8000", "X-Forwarded-Proto": "http"}
    answer = await door.post("/twilio/voice", arrival(), headers=inside)
    assert answer.status_code == 200
    elsewhere = await door.post("/twilio/voice", arrival(), base="https://other.example")
    assert elsewhere.status_code == 403


async def test_another_account_is_refused(door: Door) -> None:
    answer = await door.post("/twilio/voice", arrival(AccountSid="AC" + "0" * 32))
    assert answer.status_code == 403


async def test_an_unknown_shared_key_or_algorithm_is_refused(door: Door) -> None:
    other = SharedKey("webhooks_sharedkey_2", KEY.secret)
    assert (await door.post("/twilio/voice", arrival(), key=other)).status_code == 403
    weak = {"X-Twilio-Webhooks-Signature-Settings": f"key={KEY.sid},algorithm=HMAC_MD5"}
    assert (await door.post("/twilio/voice", arrival(), headers=weak)).status_code == 403


# --- how it is asked -----------------------------------------------------------------------------


async def test_a_truncated_form_is_refused(door: Door) -> None:
    whole = urlencode(arrival()).encode()
    answer = await door.post("/twilio/voice", arrival(), body=whole[: len(whole) // 2])
    assert answer.status_code == 403


async def test_an_enormous_form_is_refused(door: Door) -> None:
    answer = await door.post("/twilio/voice", arrival(More="x" * MOST_BYTES))
    assert answer.status_code == 413
    many = [(f"n{n}", "") for n in range(MOST_FIELDS + 1)]
    assert (await door.post("/twilio/voice", many)).status_code == 400


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", ""])
async def test_another_content_type_is_refused(door: Door, kind: str) -> None:
    answer = await door.post("/twilio/voice", arrival(), headers={"Content-Type": kind})
    assert answer.status_code == 415


async def test_bytes_that_are_no_text_are_refused(door: Door) -> None:
    for body in (b"CallSid=\xff\xfe", b"CallSid=%ff%fe"):
        assert (await door.post("/twilio/voice", arrival(), body=body)).status_code in (400, 403)


async def test_what_is_no_webhook_is_not_there(door: Door) -> None:
    for path in ("/twilio/nothing", "/twilio/legs/x", "/twilio/legs/x/voice", "/twilio/a/b/c/d"):
        assert (await door.post(path, arrival())).status_code == 404
    assert (await door.post("/twilio/legs/x/turn?rev=x", arrival())).status_code == 400
    assert (await door.http.get("/twilio/voice")).status_code in (404, 405)


async def test_repeated_keys_are_signed_and_not_relied_on(door: Door) -> None:
    pairs = [*arrival().items(), ("From", "+628111000999"), ("Tag", "b"), ("Tag", "a")]
    answer = await door.post("/twilio/voice", pairs)
    assert answer.status_code == 200
    rows = await door.app.db.read(lambda conn: conn.execute(select(tables.call.c.number)).all())
    assert [row.number for row in rows] == [None]


# --- what is said --------------------------------------------------------------------------------


async def test_control_characters_go_no_further(door: Door) -> None:
    answer = await door.post("/twilio/voice", arrival(From="+62\x00\r\n811", CallerName="a\x1bb"))
    assert answer.status_code == 200
    assert not any(ord(c) < 32 for c in answer.text)


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "Restricted", ""])
async def test_a_withheld_number_is_nowhere(door: Door, withheld: str) -> None:
    assert (await door.post("/twilio/voice", arrival(From=withheld))).status_code == 200
    rows = await door.app.db.read(
        lambda conn: conn.execute(select(tables.call.c.number, tables.call.c.number_hash)).all()
    )
    assert [tuple(row) for row in rows] == [(None, None)]


async def test_a_webhook_that_comes_again_gets_the_same_bytes(door: Door) -> None:
    first = await door.post("/twilio/voice", arrival())
    again = await door.post("/twilio/voice", arrival())
    assert again.content == first.content
    assert await door.calls() == 1


async def test_an_older_webhook_is_sent_to_the_newest_turn(door: Door) -> None:
    answered = arrival(CallStatus="in-progress")
    menu = await door.post("/twilio/voice", arrival())
    keys = f"/twilio/legs/{CALL}/keys?rev="
    silent = {**answered, "Digits": ""}
    assert f"{keys}1" in menu.text
    second = await door.post(f"{keys}1", silent)
    assert (await door.post(f"{keys}1", silent)).content == second.content
    third = await door.post(f"{keys}2", {**answered, "Digits": "1"})
    assert "rev=3" in third.text
    old = await door.post(f"{keys}1", {**answered, "Digits": "1"})
    assert "<Redirect" in old.text
    assert "rev=3" in old.text
    assert "<Gather" not in old.text


async def test_a_leg_that_nobody_knows_is_hung_up(door: Door) -> None:
    for leg in ("CA" + "0" * 32, "a-leg-of-yesterday"):
        for what in ("turn?rev=3", "keys?rev=3", "answered", "music?rev=2&over=1"):
            answer = await door.post(
                f"/twilio/legs/{leg}/{what}", arrival(CallSid="CA" + "0" * 32, Digits="1")
            )
            assert answer.status_code == 200
            assert answer.text.endswith("<Response><Hangup/></Response>")
    assert await door.calls() == 0


async def test_a_call_that_ended_does_not_begin_again(door: Door) -> None:
    await door.post("/twilio/voice", arrival())
    over = await door.post("/twilio/status", arrival(CallStatus="completed"))
    assert over.status_code == 204
    for path in ("/twilio/voice", f"/twilio/legs/{CALL}/keys?rev=1", "/twilio/fallback"):
        answer = await door.post(path, arrival(CallStatus="in-progress", Digits="1"))
        assert "<Hangup/>" in answer.text
    assert await door.calls() == 1


async def test_a_status_that_goes_backwards_changes_nothing(door: Door) -> None:
    heard: list[Signal] = []
    emit = door.app.calls.handle

    async def listen(happened: Signal) -> object:
        heard.append(happened)
        return await emit(happened)

    door.app.calls.handle = listen  # type: ignore[assignment, method-assign]
    await door.post("/twilio/voice", arrival())
    for status in ("completed", "in-progress", "ringing", "completed", "no-such-status"):
        assert (await door.post("/twilio/status", arrival(CallStatus=status))).status_code == 204
    kinds = [type(one).__name__ for one in heard if not isinstance(one, LineResumed)]
    assert kinds == ["CallArrived", "LegGone"]


async def test_the_fallback_goes_on_with_the_call(door: Door) -> None:
    failed = arrival(ErrorCode="11200", ErrorUrl=f"{BASE}/twilio/voice")
    answer = await door.post("/twilio/fallback", failed)
    assert "<Gather" in answer.text
    assert await door.calls() == 1
    for _ in range(3):
        answer = await door.post("/twilio/fallback", failed)
    assert "<Record" in answer.text
    thanks = await door.post("/twilio/thanks", arrival(CallStatus="in-progress"))
    assert "Terima kasih" in thanks.text


# --- sounds --------------------------------------------------------------------------------------


async def test_music_is_as_long_as_it_says(door: Door) -> None:
    for name, seconds in (("music-3.wav", 3), ("music.wav", 48)):
        answer = await door.http.get(f"/twilio/sounds/{name}")
        assert answer.headers["content-type"] == "audio/wav"
        assert len(answer.content) == 44 + 16_000 * seconds
    for name in ("music-0.wav", "music-999.wav", "nothing.wav", "..%2f..%2fsecret"):
        with contextlib.suppress(httpx2.InvalidURL):
            assert (await door.http.get(f"/twilio/sounds/{name}")).status_code in (404, 405, 422)


# --- agents' browsers ----------------------------------------------------------------------------


async def test_a_browser_registers_with_a_token_and_says_that_it_is_there(
    sqlite_url: str, tmp_path: Path, password_hash: str
) -> None:
    settings = settings_module.load(
        environment(sqlite_url, tmp_path, "http://127.0.0.1:9")
        | {"TWILIO_API_KEY": "SK" + "c3" * 16, "TWILIO_API_SECRET": "s" * 32}
    )
    app = assemble(settings)
    app.db.write_sync(
        lambda conn: accounts.add(
            conn,
            Given(app.clock.now()),
            NewAccount("agen", "Sari", Role.AGENT, PASSWORD),
            password_hash,
        )
    )
    transport = httpx2.ASGITransport(app.web)
    async with running(app), httpx2.AsyncClient(transport=transport, base_url=BASE) as http:
        body = {"username": "agen", "password": PASSWORD}
        signed_in = await http.post("/api/sign-in", json=body)
        assert signed_in.status_code == 200
        policy = signed_in.headers["content-security-policy"]
        assert "wss://voice-js.roaming.twilio.com" in policy
        device = (await http.get("/api/agent")).json()["agent"]["device"]
        assert (device["kind"], device["up"], device["account"]) == ("browser", False, None)
        assert device["voice"]["identity"].startswith("agent_")
        said = await http.put("/api/agent/phone", json={"up": True})
        assert said.status_code == 200

        async def there() -> bool:
            document = (await http.get("/api/agent")).json()
            return bool(document["agent"]["device"]["up"])

        assert await eventually(there)
        assert (await http.put("/api/agent/phone", json={"up": 1})).status_code == 422
        assert (await http.post("/api/sign-out")).status_code == 200
        assert (await http.put("/api/agent/phone", json={"up": True})).status_code == 401
