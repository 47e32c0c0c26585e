"""Signing in and out, and everything that is tried against the door."""

from __future__ import annotations

import asyncio
import statistics
import time

import httpx2
import pytest
from sqlalchemy import select

from callcenter import staff
from callcenter.people import passwords, sign_ins, throttle
from callcenter.people.tables import account, sign_in, sign_in_attempt
from tests.web.conftest import PASSWORD, House, eventually


def code(answer: httpx2.Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


async def test_a_sign_in_gives_a_cookie_that_scripts_cannot_read_and_a_csrf_token(
    house: House,
) -> None:
    browser = house.browser()
    body = {"username": "Penyelia", "password": PASSWORD}
    answer = await browser.post("/api/sign-in", body)
    assert answer.status_code == 200
    me = answer.json()
    assert me["account"] == {
        "id": house.ids["penyelia"],
        "username": "penyelia",
        "name": "Dewi",
        "role": "supervisor",
        "language": "id",
    }
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie  # this server speaks plain HTTP
    assert (await browser.get("/api/me")).json() == me
    assert answer.headers["cache-control"] == "no-store"


async def test_the_database_holds_neither_the_token_nor_the_password(house: House) -> None:
    browser = house.browser()
    await browser.sign_in("penyelia")
    token = browser.http.cookies["session"]
    rows = house.app.db.read_sync(lambda conn: conn.execute(select(sign_in)).mappings().all())
    assert [row["token_hash"] for row in rows] == [sign_ins.name_of(token)]
    assert token not in str(rows)
    stored = house.app.db.read_sync(
        lambda conn: conn.execute(select(account.c.password_hash)).scalars().first()
    )
    assert stored is not None
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    "body",
    [
        {"username": "penyelia", "password": "salah-sekali"},
        {"username": "nobody", "password": PASSWORD},
        {"username": "penyelia", "password": "x" * 256},
    ],
)
async def test_wrong_is_wrong_and_never_says_what(house: House, body: dict[str, str]) -> None:
    answer = await house.browser().post("/api/sign-in", body)
    assert (answer.status_code, code(answer)) == (401, "sign_in_refused")
    assert answer.json()["error"]["message"] == "wrong username or password"
    assert "set-cookie" not in answer.headers


async def test_a_closed_account_looks_like_a_wrong_password(house: House) -> None:
    browser = await house.signed_in("petugas")
    await asyncio.to_thread(staff.close, house.app.store, "petugas")
    assert (await browser.get("/api/me")).status_code == 401
    again = await house.browser().post(
        "/api/sign-in", {"username": "petugas", "password": PASSWORD}
    )
    assert code(again) == "sign_in_refused"


def test_an_unknown_user_takes_as_long_as_a_wrong_password(password_hash: str) -> None:
    def took(stored: str | None) -> float:
        began = time.process_time()
        assert not passwords.matches(stored, "salah-sekali")
        return time.process_time() - began

    known = statistics.median(took(password_hash) for _ in range(7))
    unknown = statistics.median(took(None) for _ in range(7))
    assert 0.5 < unknown / known < 2


@pytest.mark.parametrize(
    "body",
    [
        {"username": "agen"},
        {"username": "agen", "password": 5},
        {"username": "agen", "password": "x", "role": "admin"},
        {"username": "a\u0000gen", "password": "x"},
        {"username": "a" * 65, "password": "x"},
        {"username": "agen", "password": "x" * 257},
        {"username": "", "password": ""},
        [],
        "agen",
        None,
    ],
)
async def test_a_body_of_the_wrong_shape_names_the_field(house: House, body: object) -> None:
    answer = await house.browser().post("/api/sign-in", body)
    assert (answer.status_code, code(answer)) == (422, "invalid")
    assert answer.json()["error"]["fields"]
    assert "x" * 50 not in answer.text


async def test_a_lone_surrogate_is_refused(house: House) -> None:
    answer = await house.browser().http.post(
        "/api/sign-in",
        content=b'{"username": "agen", "password": "\\ud800"}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in (401, 422)


async def test_wrong_passwords_are_counted_by_account(house: House) -> None:
    browser = house.browser()
    wrong = {"username": "petugas", "password": "salah-sekali"}
    for _ in range(throttle.MOST_PER_ACCOUNT):
        assert (await browser.post("/api/sign-in", wrong)).status_code == 401
    right = {"username": "PETUGAS", "password": PASSWORD}
    answer = await browser.post("/api/sign-in", right)
    assert (answer.status_code, code(answer)) == (429, "throttled")
    wait_s = int(answer.headers["retry-after"])
    assert 0 < wait_s <= throttle.WINDOW_MS // 1000
    await browser.sign_in("penyelia")  # others are not held up

    house.clock.ahead_ms += wait_s * 1000
    await browser.sign_in("petugas")


async def test_the_right_password_takes_back_what_it_counted(house: House) -> None:
    browser = house.browser()
    wrong = {"username": "petugas", "password": "salah-sekali"}
    for _ in range(throttle.MOST_PER_ACCOUNT - 1):
        await browser.post("/api/sign-in", wrong)
    await browser.sign_in("petugas")
    for _ in range(throttle.MOST_PER_ACCOUNT - 1):
        assert (await browser.post("/api/sign-in", wrong)).status_code == 401


async def test_wrong_passwords_are_counted_by_address(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MOST_PER_ADDRESS", 4)
    browser = house.browser()
    for n in range(4):
        body = {"username": f"nobody{n}", "password": "salah-sekali"}
        assert (await browser.post("/api/sign-in", body)).status_code == 401
    answer = await browser.post("/api/sign-in", {"username": "agen", "password": PASSWORD})
    assert answer.status_code == 429


async def test_what_was_tried_is_not_readable_in_the_database(house: House) -> None:
    body = {"username": "kata-sandi-yang-salah-tempat", "password": "salah-sekali"}
    await house.browser().post("/api/sign-in", body)
    rows = house.app.db.read_sync(lambda conn: conn.execute(select(sign_in_attempt)).all())
    assert len(rows) == 2
    assert "kata-sandi" not in str(rows)
    assert "127.0.0.1" not in str(rows)


async def test_sign_out_ends_the_sign_in_and_twice_is_refused(house: House) -> None:
    browser = await house.signed_in("penyelia")
    token = browser.http.cookies["session"]
    assert (await browser.post("/api/sign-out")).status_code == 200
    browser.http.cookies.set("session", token)
    answer = await browser.get("/api/me")
    assert (answer.status_code, code(answer)) == (401, "not_signed_in")


async def test_a_sign_in_ends_by_age(house: House) -> None:
    browser = await house.signed_in("penyelia")
    for _ in range(sign_ins.LIFETIME_MS // sign_ins.IDLE_MS):
        assert (await browser.get("/api/me")).status_code == 200
        house.clock.ahead_ms += sign_ins.IDLE_MS - sign_ins.SEEN_EVERY_MS
    house.clock.ahead_ms += sign_ins.IDLE_MS
    assert (await browser.get("/api/me")).status_code == 401


async def test_a_sign_in_ends_by_idleness(house: House) -> None:
    browser = await house.signed_in("penyelia")
    house.clock.ahead_ms += sign_ins.IDLE_MS
    assert (await browser.get("/api/me")).status_code == 401
    ended = await house.app.store.people.end_expired()
    assert [one.account for one in ended] == [house.ids["penyelia"]]


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, "é"])
async def test_a_cookie_that_we_did_not_give_is_nobody(house: House, token: str) -> None:
    browser = house.browser()
    headers = {b"Cookie": f"session={token}".encode()}
    answer = await browser.http.get("/api/me", headers=headers)
    assert answer.status_code in (400, 401)


async def test_another_sites_page_can_not_sign_anybody_in(house: House) -> None:
    browser = house.browser()
    body = {"username": "agen", "password": PASSWORD}
    answer = await browser.post("/api/sign-in", body, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, code(answer)) == (403, "wrong_origin")


async def test_signing_in_as_somebody_else_signs_the_first_one_out(house: House) -> None:
    browser = await house.signed_in("agen")
    assert (await browser.agent())["agent"]["state"] == "paused"
    first = browser.http.cookies["session"]
    browser.csrf = None
    await browser.sign_in("penyelia")
    other = house.browser()
    other.http.cookies.set("session", first)
    assert (await other.get("/api/me")).status_code == 401

    async def off_the_board() -> bool:  # which follows what is sealed, a little later
        agents = (await browser.get("/api/board")).json()["agents"]
        return all(one["state"] == "offline" for one in agents)

    await eventually(off_the_board)


async def test_an_agent_has_one_console(house: House) -> None:
    first = await house.signed_in("agen")
    async with first.live("agent") as socket:
        await socket.recv()
        second = await house.signed_in("agen")
        await socket.wait_closed()
        assert socket.close_code == 4401
    assert (await first.get("/api/me")).status_code == 401
    assert (await second.agent())["agent"]["state"] == "paused"


async def test_the_language_of_the_pages_is_remembered(house: House) -> None:
    browser = await house.signed_in("agen")
    answer = await browser.put("/api/me/language", {"language": "en"})
    assert answer.json()["account"]["language"] == "en"
    assert (await browser.get("/api/me")).json()["account"]["language"] == "en"
    assert (await browser.put("/api/me/language", {"language": "fr"})).status_code == 422
