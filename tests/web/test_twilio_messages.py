"""The door of the webhooks about messages, through the whole application."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from callcenter.clock import Given
from callcenter.messages import service, tables
from callcenter.messages.model import Channel
from callcenter.messages.rules import Allowed
from callcenter.messages.service import About
from callcenter.telephony.twilio.webhooks import MOST_BYTES
from tests.web.test_twilio import ACCOUNT, NUMBER, Door, Params, door

__all__ = ["door"]

CITIZEN = "+628111000111"
INCOMING = "/twilio/messages/incoming"
SID = "SM" + "c3" * 16
OTHER = "SM" + "d4" * 16


def written(body: str = "Halo", **more: str) -> Params:
    return {
        "MessageSid": SID,
        "AccountSid": ACCOUNT,
        "From": CITIZEN,
        "To": NUMBER,
        "Body": body,
        "NumMedia": "0",
        "SmsStatus": "received",
        **more,
    }


def status(what: str = "delivered", **more: str) -> Params:
    return {"MessageSid": SID, "AccountSid": ACCOUNT, "MessageStatus": what, **more}


async def message(door: Door) -> str:
    """The id of a message that waits, as far as anybody knows."""
    given = Given(door.app.clock.now())
    allowed = Allowed(frozenset({Channel.SMS}), ("+62",), 10)

    def put(conn: Any) -> str:
        service.put(
            conn,
            door.app.store.keys,
            given,
            allowed,
            channel=Channel.SMS,
            template="case_number",
            language="id",
            recipient=CITIZEN,
            params={"number": "26-4815-1621"},
            about=About(),
        )
        made: str = conn.execute(select(tables.message.c.id)).scalar_one()
        return made

    return await door.app.db.write(put)


async def row(door: Door) -> Any:
    return await door.app.db.read(lambda conn: conn.execute(select(tables.message)).one())


async def kept(door: Door) -> int:
    """How many rows there are of people who wrote."""

    def count(conn: Any) -> int:
        found = (conn.execute(select(one)).all() for one in (tables.answered, tables.opted_out))
        return sum(len(rows) for rows in found)

    return await door.app.db.read(count)


async def test_whoever_writes_is_told_how_to_ask(door: Door) -> None:
    answer = await door.post(INCOMING, written())
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Message>Pesan ke nomor ini tidak dibaca." in answer.text
    again = await door.post(INCOMING, written(MessageSid=OTHER))
    assert again.text.endswith("<Response></Response>")


async def test_known_and_unknown_get_the_same_bytes(door: Door) -> None:
    await message(door)
    known = await door.post(INCOMING, written("2648151621"))
    stranger = await door.post(INCOMING, written("x", From="+628999999999", MessageSid=OTHER))
    whatsapp = await door.post(INCOMING, written("x", From="whatsapp:+628999999998"))
    assert known.content == stranger.content == whatsapp.content
    assert known.headers.items() >= {"content-type": "text/xml; charset=utf-8"}.items()


@pytest.mark.parametrize("path", [INCOMING, f"/twilio/messages/{'a' * 32}/status"])
async def test_what_is_refused(door: Door, path: str) -> None:
    form = written() | status()
    refusals = [
        await door.post(path, form, signed=False),
        await door.post(path, form | {"AccountSid": "AC" + "0" * 32}),
        await door.post(path, form, headers={"Content-Type": "application/json"}),
        await door.post(path, form | {"Body": "x" * MOST_BYTES}),
        await door.post(path, form | {"MessageSid": "no sid"}),
        await door.post(path, form, body=b"From=\xff"),
    ]
    assert [one.status_code for one in refusals] == [403, 403, 415, 413, 400, 400]
    assert {one.content for one in refusals} == {b""}
    assert await kept(door) == 0


async def test_what_is_no_webhook(door: Door) -> None:
    for path in ("/twilio/messages/", "/twilio/messages/x/status", "/twilio/messages/a/b/c"):
        assert (await door.post(path, status())).status_code == 404
    assert (await door.http.get(INCOMING)).status_code in (404, 405)


async def test_no_text_breaks_anything_and_none_is_kept(door: Door) -> None:
    for n, text in enumerate(("\x00\x1b[2J", "<Message>&", "🙂" * 800, "'; DROP TABLE message")):
        number = f"+62811000{n:04d}"
        answer = await door.post(INCOMING, written(text, From=number))
        assert answer.text.count("<Message>") == 1
        assert text[:3] not in answer.text.replace("<Message>", "")
    for number in ("", "anonymous", "+62811\x00", "whatsapp:", "+" + "9" * 40, "262966"):
        answer = await door.post(INCOMING, written(From=number))
        assert answer.text.endswith("<Response></Response>")


async def test_a_status_of_a_message_that_nobody_knows(door: Door) -> None:
    answer = await door.post(f"/twilio/messages/{'a' * 32}/status", status())
    assert (answer.status_code, answer.content) == (204, b"")


async def test_statuses_backwards_and_twice(door: Door) -> None:
    path = f"/twilio/messages/{await message(door)}/status"
    for what in ("sent", "delivered", "delivered", "queued", "sent", "nonsense", "undelivered"):
        assert (await door.post(path, status(what))).status_code == 204
    found = await row(door)
    assert (found.state, found.provider_id) == ("delivered", SID)
    await door.post(path, status("read", MessageSid=OTHER))
    assert (await row(door)).state == "delivered"


async def test_an_error_code_is_a_number(door: Door) -> None:
    path = f"/twilio/messages/{await message(door)}/status"
    await door.post(path, status("failed", ErrorCode="30003; DROP"))
    assert (await row(door)).error_code is None
    await door.post(path, status("undelivered", ErrorCode="30003"))
    assert (await row(door)).error_code == 30003
