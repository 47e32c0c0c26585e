"""A small mail server that a test tells what to do: it says what real ones say, or goes away."""

from __future__ import annotations

import socketserver
import ssl
import threading
from dataclasses import dataclass, field


@dataclass
class Script:
    """What the server answers with instead, by verb; ``.`` is the end of a message.

    A text is said as it is; "" closes the connection without a word; ``hang`` says nothing.
    ``login``: a user and a password that it wants. ``tls``: it offers STARTTLS.
    """

    says: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    login: bytes | None = None


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    text: bytes
    encrypted: bool


class _Talk(socketserver.StreamRequestHandler):
    server: Postbox

    def handle(self) -> None:
        self.sender = ""
        self.recipients: list[str] = []
        self.authenticated = False
        if self.server.script.implicit:
            self._wrap()
        try:
            if self._answer("", "220 postbox"):
                while self._one():
                    pass
        except OSError:
            self.server.lost += 1

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _answer(self, verb: str, text: str) -> bool:
        text = self.server.script.says.get(verb, text)
        if text == "hang":
            self.server.freed.wait(30)
            return False
        if text:
            self.wfile.write(text.encode() + b"\r\n")
        return bool(text)

    def _one(self) -> bool:
        line = self.rfile.readline()
        if not line:
            return False
        self.server.heard.append(line)
        verb = line.split()[0].upper().decode()
        encrypted = isinstance(self.connection, ssl.SSLSocket)
        match verb:
            case "EHLO" | "HELO":
                more = "250-STARTTLS\r\n" if self.server.script.tls and not encrypted else ""
                login = "250-AUTH PLAIN\r\n" if self.server.script.login else ""
                return self._answer(verb, f"250-postbox\r\n{more}{login}250 SIZE 1000000")
            case "STARTTLS":
                going = self._answer(verb, "220 go on")
                self._wrap()
                return going
            case "AUTH":
                self.authenticated = line.split()[2] == self.server.script.login
                return self._answer(verb, "235 in" if self.authenticated else "535 wrong")
            case "MAIL":
                self.sender = line.decode().strip()
            case "RCPT":
                self.recipients.append(line.decode().strip())
            case "DATA":
                return self._answer(verb, "354 go on") and self._data(encrypted)
        return self._answer(verb, "221 bye" if verb == "QUIT" else "250 ok") and verb != "QUIT"

    def _data(self, encrypted: bool) -> bool:
        if "354" not in self.server.script.says.get("DATA", "354"):
            return True
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        text = b"".join(lines)
        self.server.mails.append(Mail(self.sender, self.recipients, text, encrypted))
        self.recipients = []
        return self._answer(".", "250 taken")

    def _wrap(self) -> None:
        assert self.server.script.tls is not None
        self.connection = self.server.script.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)


class Postbox(socketserver.ThreadingTCPServer):
    """Serves on a free port of 127.0.0.1 inside a ``with``. ``mails``: what was given to it, also
    what it did not say it had taken; ``heard``: every line but those of messages."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.script = Script()
        self.mails: list[Mail] = []
        self.heard: list[bytes] = []
        self.lost = 0
        self.freed = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port

    def __enter__(self) -> Postbox:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.freed.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
