"""Sends messages to units by e-mail, to one mail server that takes them on (SMTP, RFC 5321).

A mail server can't be asked what it has. So *once* means here what it means between mail servers: a
message that was handed over and not answered is handed over again under the same ``Message-ID``,
which is made from our own id of it. See docs/decisions/0012-mail-is-handed-over-again.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import structlog

from callcenter.messages.model import Channel, Event, Letter, Reason
from callcenter.messages.sender import Answer, Found, NotNow, Sender, Turned
from callcenter.settings import Settings, is_loopback

log = structlog.get_logger(__name__)

#: The longest that handing over one message may take, in seconds, and the longest silence in it.
LIMIT_S: Final = 15.0
SILENCE_S: Final = 10.0
#: Messages that are handed over at once.
AT_ONCE: Final = 8

#: Nothing that ends a line or an address, so that one address stays one.
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_PORTS: Final = {"smtp": 587, "smtps": 465}
_GO_ON: Final = 354


@dataclass(frozen=True)
class MailServer:
    """Who takes our mail on. ``implicit``: TLS from the first byte; ``starttls``: it must be begun
    before anything is said. Neither on this machine only."""

    host: str
    port: int
    implicit: bool
    starttls: bool
    user: str | None = None
    password: str = field(default="", repr=False)


def server(url: str) -> MailServer:
    """The server of an ``SMTP_URL``: ``smtp://`` or ``smtps://``, user and password, host, port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    implicit = parts.scheme == "smtps"
    return MailServer(
        host,
        parts.port or _PORTS[parts.scheme],
        implicit,
        starttls=not implicit and not is_loopback(host),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )


def mail_sender(settings: Settings) -> dict[Channel, Sender]:
    """What sends mail; empty where no server is set."""
    if settings.smtp_url is None:
        return {}
    return {Channel.EMAIL: MailSender(server(settings.smtp_url), settings.mail_from or "")}


class MailSender:
    """The channel ``email``. ``sender``: our address; ``tls``: whom we believe to be the server."""

    def __init__(self, server: MailServer, sender: str, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._sender = sender
        self._tls = tls or ssl.create_default_context()
        # Not the threads that all share: a mail server that hangs would hold them up.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mail")

    async def send(self, letter: Letter) -> Answer:
        """Hand ``letter`` over.

        Raises:
            Turned: the server refuses it for good, or it is addressed to nobody.
            NotNow: the server does not take it now, can't be reached, or is not the one we trust.
            ConnectionError: it was handed over and not answered.
        """
        text = self._text(letter)
        handing = _Handing(self._server, self._tls, self._sender, letter.recipient, text)
        work = asyncio.get_running_loop().run_in_executor(self._threads, handing.run)
        try:
            async with asyncio.timeout(LIMIT_S):
                await asyncio.shield(work)
        except TimeoutError:
            # Whether it was handed over is the thread's to say, and it is told that it is over.
            handing.cut()
            await work
        except asyncio.CancelledError:
            handing.cut()
            raise
        return Answer(self._name(letter), Event.ACCEPT)

    async def look(self, letter: Letter, age_s: float) -> Sequence[Found]:
        """Nothing: no mail server tells. It may be sent again, under the same name."""
        return ()

    async def close(self) -> None:
        """There is nothing to let go of: each message has a connection of its own."""

    def _name(self, letter: Letter) -> str:
        return f"<{letter.id}@{self._sender.rpartition('@')[2]}>"

    def _text(self, letter: Letter) -> bytes:
        """The message as it goes over the wire."""
        if not _ADDRESS.fullmatch(letter.recipient):
            raise Turned(0, Reason.NO_ADDRESS)
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = letter.recipient
        try:
            message["Subject"] = letter.subject
        except ValueError as error:  # it holds a line break
            raise Turned(0) from error
        asked_at = dt.datetime.fromtimestamp(letter.asked_at // 1000, dt.UTC)
        message["Date"] = format_datetime(asked_at)
        message["Message-ID"] = self._name(letter)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody is away from office to us
        message.set_content(letter.text + "\n", cte="quoted-printable")
        return message.as_bytes()


class _Handing:
    """One message handed to the server, in a thread. Another one may :meth:`cut` it off."""

    def __init__(
        self, server: MailServer, tls: ssl.SSLContext, sender: str, recipient: str, text: bytes
    ) -> None:
        self._server = server
        self._tls = tls
        self._from, self._to = sender, recipient
        self._text = re.sub(rb"(?m)^\.", b"..", text)
        self._smtp: smtplib.SMTP | None = None
        self._cut = False
        self._handed = False  #: from here on nobody knows, until the server has answered

    def cut(self) -> None:
        """Whatever it waits for, it has waited long enough."""
        self._cut = True
        smtp = self._smtp
        connection = None if smtp is None else smtp.sock
        if connection is not None:
            with contextlib.suppress(OSError):  # it is gone already
                connection.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """
        Raises:
            Turned, NotNow, ConnectionError
        """
        try:
            self._hand_over()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
            if self._handed:
                raise ConnectionError(f"no answer: {type(error).__name__}") from error
            log.warning("mail_server_away", error=type(error).__name__, code=code)
            raise NotNow(code) from error
        finally:
            if self._smtp is not None:
                self._smtp.close()

    def _hand_over(self) -> None:
        smtp = self._smtp = self._open()
        if self._cut:
            raise ConnectionAbortedError
        smtp.ehlo_or_helo_if_needed()
        if self._server.starttls:
            smtp.starttls(context=self._tls)  # raises where the server has none
            smtp.ehlo()
        if self._server.user is not None:
            smtp.login(self._server.user, self._server.password)
        self._expect(smtp.mail(self._from), 250)
        self._expect(smtp.rcpt(self._to), 250, 251)
        self._expect(smtp.docmd("DATA"), _GO_ON)
        self._handed = True
        smtp.send(self._text + b".\r\n")
        answer = smtp.getreply()
        if answer[0] < 0:
            raise smtplib.SMTPServerDisconnected("what was said is no answer")
        self._handed = False
        self._expect(answer, 250)
        with contextlib.suppress(OSError, smtplib.SMTPException):  # it has the message
            smtp.docmd("QUIT")

    def _open(self) -> smtplib.SMTP:
        server = self._server
        name = self._from.rpartition("@")[2]
        if server.implicit:
            return smtplib.SMTP_SSL(
                server.host, server.port, name, timeout=SILENCE_S, context=self._tls
            )
        return smtplib.SMTP(server.host, server.port, name, timeout=SILENCE_S)

    def _expect(self, answer: tuple[int, bytes], *wanted: int) -> None:
        """
        Raises:
            Turned, NotNow: the server said something else than the ``wanted``.
        """
        code, _ = answer  # the words after it may name the recipient
        if code in wanted:
            return
        log.warning("mail_refused", code=code)
        if code >= 500:
            raise Turned(code)
        raise NotNow(code)
