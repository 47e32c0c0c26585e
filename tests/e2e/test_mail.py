"""Mail to units: real conversations with a mail server on this machine, from word to word."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from callcenter import resources
from callcenter.clock import Given, JumpClock
from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.messages import rules, service, tables, texts
from callcenter.messages.model import Channel, Event, Letter, Reason
from callcenter.messages.rules import Allowed
from callcenter.messages.sender import NotNow, Turned
from callcenter.messages.service import About
from callcenter.telephony import mail
from callcenter.telephony.mail import MailSender, MailServer
from callcenter.telephony.messenger import Messenger
from tests.e2e.postbox import Postbox, Script
from tests.waiting import until

UNIT = "desk@unit.example.go.id"
OURS = "hotline@pusat.example.go.id"
NOW = 1_795_489_200_000
TEXTS = texts.load((resources.flows() / texts.FILE).read_text(encoding="utf-8"))
LETTER = Letter(
    "0" * 32,
    Channel.EMAIL,
    UNIT,
    "Kasus 26-4815-1621 menunggu.\n.\n..unit\nhttps://x.example/cases/2648151621",
    {},
    None,
    NOW,
    subject="Ada kasus “baru”",
)


@pytest.fixture
def box() -> Iterator[Postbox]:
    with Postbox() as box:
        yield box


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(made - dt.timedelta(days=1))
        .not_valid_after(made + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + plain)
    return file


@pytest.fixture
def theirs(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def sender(box: Postbox, trusted: Path | None = None, **more: Any) -> MailSender:
    server = MailServer("localhost", box.port, **{"implicit": False, "starttls": False} | more)
    return MailSender(server, OURS, ssl.create_default_context(cafile=trusted))


def read(text: bytes) -> EmailMessage:
    return email.message_from_bytes(text, _class=EmailMessage, policy=email.policy.default)


# --- one message ----------------------------------------------------------------------------------


async def test_a_unit_is_written_to(box: Postbox) -> None:
    answer = await sender(box).send(LETTER)
    assert (answer.provider_id, answer.event) == (
        f"<{LETTER.id}@pusat.example.go.id>",
        Event.ACCEPT,
    )
    (got,) = box.mails
    assert got.sender.startswith(f"mail FROM:<{OURS}>")
    assert got.recipients == [f"rcpt TO:<{UNIT}>"]
    assert got.text.isascii()
    assert b"\n" not in got.text.replace(b"\r\n", b"")
    message = read(got.text)
    assert message.get_content().replace("\r\n", "\n") == LETTER.text + "\n"
    assert message["Subject"] == LETTER.subject
    assert message["Message-ID"] == answer.provider_id
    assert message["To"] == UNIT
    assert message["From"] == OURS
    assert message["Date"].datetime.timestamp() * 1000 == NOW
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("said, error", [("451 later", NotNow), ("550 no such unit", Turned)])
async def test_what_the_server_refuses(
    box: Postbox, verb: str, said: str, error: type[NotNow] | type[Turned]
) -> None:
    box.script = Script({verb: said})
    with pytest.raises((NotNow, Turned)) as refused:
        await sender(box).send(LETTER)
    assert isinstance(refused.value, error)
    assert refused.value.code == int(said[:3])


@pytest.mark.parametrize(
    "script",
    [
        {"": "554 no service here"},
        {"": ""},
        {"EHLO": "", "HELO": ""},
        {"MAIL": ""},
        {"DATA": ""},
        {"RCPT": "421 closing"},
        {"MAIL": "that is no answer"},
    ],
)
async def test_before_the_message_was_handed_over_it_was_surely_not_sent(
    box: Postbox, script: dict[str, str]
) -> None:
    box.script = Script(script)
    with pytest.raises(NotNow):
        await sender(box).send(LETTER)
    assert box.mails == []


async def test_nobody_answers_there(box: Postbox) -> None:
    gone = sender(box)
    box.shutdown()
    box.server_close()
    with pytest.raises(NotNow):
        await gone.send(LETTER)


@pytest.mark.parametrize("said", ["", "what is that?"])
async def test_handed_over_and_not_answered_nobody_knows(box: Postbox, said: str) -> None:
    box.script = Script({".": said})
    with pytest.raises(ConnectionError):
        await sender(box).send(LETTER)
    assert len(box.mails) == 1


async def test_a_connection_that_is_lost_after_the_answer_changes_nothing(box: Postbox) -> None:
    box.script = Script({"QUIT": ""})
    assert (await sender(box).send(LETTER)).event is Event.ACCEPT


@pytest.mark.parametrize("verb, error", [("MAIL", NotNow), (".", ConnectionError)])
async def test_a_server_that_hangs_is_cut_off(
    box: Postbox, monkeypatch: pytest.MonkeyPatch, verb: str, error: type[Exception]
) -> None:
    monkeypatch.setattr(mail, "LIMIT_S", 0.3)
    box.script = Script({verb: "hang"})
    async with asyncio.timeout(5):
        with pytest.raises(error):
            await sender(box).send(LETTER)


async def test_who_stops_the_server_does_not_wait_for_mail(box: Postbox) -> None:
    box.script = Script({"MAIL": "hang"})
    work = asyncio.create_task(sender(box).send(LETTER))
    await until(lambda: any(line.startswith(b"mail") for line in box.heard))
    work.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await work


# --- who it is ------------------------------------------------------------------------------------


async def test_nothing_is_said_before_starttls(
    box: Postbox, certificate: Path, theirs: ssl.SSLContext
) -> None:
    box.script = Script(tls=theirs, login=base64.b64encode(b"\0user\0pass word"))
    good = sender(box, certificate, starttls=True, user="user", password="pass word")
    await good.send(LETTER)
    assert box.mails[0].encrypted
    plain = box.heard[: box.heard.index(b"STARTTLS\r\n")]
    assert [line.split()[0] for line in plain] == [b"ehlo"]


async def test_without_starttls_nothing_is_sent(box: Postbox, certificate: Path) -> None:
    demanding = sender(box, certificate, starttls=True, user="user", password="secret")
    with pytest.raises(NotNow):
        await demanding.send(LETTER)
    assert box.mails == []
    assert not any(line.upper().startswith((b"AUTH", b"MAIL")) for line in box.heard)


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_server_that_is_not_the_one_we_trust(
    box: Postbox, theirs: ssl.SSLContext, implicit: bool
) -> None:
    box.script = Script(tls=theirs, implicit=implicit)
    with pytest.raises(NotNow):
        await sender(box, implicit=implicit, starttls=not implicit).send(LETTER)
    assert box.mails == []


async def test_tls_from_the_first_byte(
    box: Postbox, certificate: Path, theirs: ssl.SSLContext
) -> None:
    box.script = Script(tls=theirs, implicit=True)
    await sender(box, certificate, implicit=True).send(LETTER)
    assert box.mails[0].encrypted


async def test_a_wrong_password_is_no_reason_to_give_a_message_up(box: Postbox) -> None:
    box.script = Script(login=b"another")
    with pytest.raises(NotNow) as refused:
        await sender(box, user="user", password="secret").send(LETTER)
    assert refused.value.code == 535


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.example\r\nRCPT TO:<c@d.example>",
        "a@b.example>\nBcc: c@d.example",
        "a@b.example, c@d.example",
        "a@b.example\x00",
        "<a@b.example>",
        "ä@b.example",
        "",
    ],
)
async def test_one_address_stays_one(box: Postbox, recipient: str) -> None:
    forged = Letter("1" * 32, Channel.EMAIL, recipient, "x", {}, None, NOW, subject="x")
    with pytest.raises(Turned) as refused:
        await sender(box).send(forged)
    assert refused.value.reason is Reason.NO_ADDRESS
    assert box.heard == []


@pytest.mark.parametrize(
    "subject", ["x\r\nBcc: c@d.example", "x\nTo: c@d.example", "x\r\n\r\nbody"]
)
async def test_no_header_comes_in_by_a_subject(box: Postbox, subject: str) -> None:
    forged = Letter("1" * 32, Channel.EMAIL, UNIT, "x", {}, None, NOW, subject=subject)
    with pytest.raises(Turned):
        await sender(box).send(forged)
    assert box.heard == []


@pytest.mark.parametrize(
    "url, wanted",
    [
        ("smtp://127.0.0.1", MailServer("127.0.0.1", 587, False, False)),
        ("smtp://localhost:25", MailServer("localhost", 25, False, False)),
        ("smtp://mail.example", MailServer("mail.example", 587, False, True)),
        (
            "smtps://a%40b:p%3Aw%2F@mail.example",
            MailServer("mail.example", 465, True, False, "a@b", "p:w/"),
        ),
    ],
)
def test_the_server_of_an_address(url: str, wanted: MailServer) -> None:
    assert mail.server(url) == wanted
    assert "p:w/" not in repr(mail.server(url))


# --- by the messenger -----------------------------------------------------------------------------


class Office:
    """Messages in a database, with a clock that jumps whenever nobody works."""

    def __init__(self, database: Database, keys: Keys, box: Postbox) -> None:
        self.database, self.keys = database, keys
        self.clock = JumpClock(NOW)
        self.messenger = Messenger(
            database,
            keys,
            self.clock,
            texts=TEXTS,
            senders={Channel.EMAIL: sender(box)},
            tell=lambda: None,
        )

    def put(self) -> None:
        given = Given(NOW)
        allowed = Allowed(frozenset({Channel.EMAIL}), (), 0, frozenset({UNIT}))
        refused = self.database.write_sync(
            lambda conn: service.put(
                conn,
                self.keys,
                given.again(),
                allowed,
                channel=Channel.EMAIL,
                template="unit_waiting",
                language="id",
                recipient=UNIT,
                params={"number": "26-4815-1621", "link": "https://x.example/cases/2648151621"},
                about=About(case="case", unit="WAS"),
            )
        )
        assert refused is None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        work = asyncio.create_task(self.messenger.run())
        try:
            yield
        finally:
            work.cancel()
            await asyncio.wait([work])

    async def until(self, true: Callable[[], bool]) -> None:
        def look() -> bool:
            self.clock.jump()
            return true()

        await until(look)

    def row(self) -> Any:
        return self.database.read_sync(lambda conn: conn.execute(select(tables.message)).one())


@pytest.fixture
def office(database: Database, keys: Keys, box: Postbox) -> Office:
    return Office(database, keys, box)


async def test_a_temporary_refusal_is_tried_again(office: Office, box: Postbox) -> None:
    box.script = Script({"RCPT": "450 greylisted"})
    office.put()
    async with office.open():
        await office.until(lambda: office.row().attempts == 3)
        assert box.mails == []
        box.script = Script()
        await office.until(lambda: office.row().state == "accepted")
    assert read(box.mails[0].text)["Subject"] == "Ada kasus yang menunggu unit Anda (26-4815-1621)"
    assert office.row().provider_id == f"<{office.row().id}@pusat.example.go.id>"


async def test_a_permanent_refusal_is_final(office: Office, box: Postbox) -> None:
    box.script = Script({"RCPT": "550 no such unit"})
    office.put()
    async with office.open():
        await office.until(lambda: office.row().state == "failed")
        box.script = Script()
        for _ in range(20):
            office.clock.jump()
            await asyncio.sleep(0)
    assert (office.row().attempts, office.row().error_code, box.mails) == (1, 550, [])


async def test_what_nobody_knows_of_is_sent_again_under_the_same_name(
    office: Office, box: Postbox
) -> None:
    box.script = Script({".": ""})
    office.put()
    async with office.open():
        await office.until(lambda: len(box.mails) == 1)
        box.script = Script()
        await office.until(lambda: office.row().state == "accepted")
    names = [read(one.text)["Message-ID"] for one in box.mails]
    assert names == [office.row().provider_id] * 2
    assert office.clock.now() - NOW >= rules.LOOK_S * 1000
