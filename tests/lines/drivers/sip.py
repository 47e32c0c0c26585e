"""The few lines of SIP that a test needs by hand: a softphone that registers over a WebSocket as a
browser does, and a carrier that says who calls in ways SIPp and Asterisk do not."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import socket

import aiohttp

_numbers = itertools.count(1)


class Softphone:
    """Registers, answers what it is asked with 200, and can be told to call."""

    def __init__(self, ws: str, username: str, password: str) -> None:
        self._ws = ws
        self._username = username
        self._password = password
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self.asked: list[str] = []  #: requests that came, first line and all

    async def open(self) -> None:
        self._session = aiohttp.ClientSession()
        limit = aiohttp.ClientWSTimeout(ws_close=0.5)
        self._socket = await self._session.ws_connect(self._ws, protocols=["sip"], timeout=limit)
        self._reader = asyncio.create_task(self._read(self._socket))

    async def close(self) -> None:
        """The tab is closed: no REGISTER with Expires 0, only the socket goes."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def register(self) -> int:
        """The status that the registration ends with."""
        return await self._ask("REGISTER", "sip:asterisk", "Expires: 600\r\n")

    async def call(self, number: str) -> int:
        """The status of an INVITE without sound."""
        return await self._ask("INVITE", f"sip:{number}@asterisk", "")

    async def _ask(self, method: str, uri: str, more: str) -> int:
        assert self._socket is not None
        call, authorization = f"call-{next(_numbers)}", ""
        for sequence in (1, 2):
            await self._socket.send_str(
                self._request(method, uri, call, sequence, authorization + more)
            )
            answer = await self._final()
            status = int(answer.split(" ", 2)[1])
            if status != 401 or sequence == 2:
                return status
            authorization = self._authorize(method, uri, answer)
        raise AssertionError("unreachable")

    def _request(self, method: str, uri: str, call: str, sequence: int, more: str) -> str:
        me = f"sip:{self._username}@asterisk"
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/WS there.invalid;branch=z9hG4bK{next(_numbers)};rport\r\n"
            f"From: <{me}>;tag=1\r\nTo: <{uri if method == 'INVITE' else me}>\r\n"
            f"Call-ID: {call}\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{self._username}@there.invalid;transport=ws>\r\n"
            f"{more}Content-Length: 0\r\n\r\n"
        )

    def _authorize(self, method: str, uri: str, answer: str) -> str:
        said = dict(re.findall(r'(\w+)="([^"]*)"', answer))
        realm, nonce = said["realm"], said["nonce"]

        def digest(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        one = digest(f"{self._username}:{realm}:{self._password}")
        two = digest(f"{method}:{uri}")
        proof = digest(f"{one}:{nonce}:00000001:c:auth:{two}")
        opaque = f', opaque="{said["opaque"]}"' if "opaque" in said else ""
        return (
            f'Authorization: Digest username="{self._username}", realm="{realm}", nonce="{nonce}", '
            f'uri="{uri}", response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
            f"{opaque}\r\n"
        )

    async def _final(self) -> str:
        while True:
            answer = await asyncio.wait_for(self._answers.get(), 10)
            if int(answer.split(" ", 2)[1]) >= 200:
                return answer

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            text = message.data if isinstance(message.data, str) else message.data.decode()
            if text.startswith("SIP/2.0"):
                self._answers.put_nowait(text)
                continue
            self.asked.append(text)
            if text.startswith("OPTIONS"):
                kept = [
                    line
                    for line in text.split("\r\n")
                    if re.match(r"(?i)(via|from|to|call-id|cseq):", line)
                ]
                await socket.send_str(
                    "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])
                )


class Carrier:
    """One call by UDP, with the headers that the test wants."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self._call = f"carrier-{next(_numbers)}"
        self._from = ""
        self._to = "<sip:1500630@127.0.0.1>"

    def call(self, sender: str, headers: str = "") -> None:
        """INVITE, wait for 200, ACK. ``sender``: the From address; ``headers`` end with CRLF."""
        self._from = f"{sender};tag=carrier"
        sound = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        self._send("INVITE", 1, headers + "Content-Type: application/sdp\r\n", sound)
        while True:
            answer = self._socket.recv(65536).decode()
            if not answer.startswith("SIP/2.0"):
                continue
            status = int(answer.split(" ", 2)[1])
            if status >= 200:
                break
        assert status == 200, answer
        self._to = re.findall(r"(?im)^To: (.*)\r$", answer)[0]
        self._send("ACK", 1)

    def request(self, method: str, headers: str = "") -> int:
        """The status that an in-dialogue request gets; 0: it is not answered."""
        self._send(method, 2, headers)
        self._socket.settimeout(1.5)
        while True:
            try:
                answer = self._socket.recv(65536).decode()
            except TimeoutError:
                return 0
            if answer.startswith("SIP/2.0") and f"CSeq: 2 {method}" in answer:
                return int(answer.split(" ", 2)[1])

    def hang_up(self) -> None:
        self._send("BYE", 3)
        self._socket.close()

    def _send(self, method: str, sequence: int, headers: str = "", body: str = "") -> None:
        port = self._socket.getsockname()[1]
        text = (
            f"{method} sip:1500630@127.0.0.1:{self._port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{next(_numbers)}\r\n"
            f"From: {self._from}\r\nTo: {self._to}\r\n"
            f"Call-ID: {self._call}\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:carrier@127.0.0.1:{port}>\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._socket.sendto(text.encode(), ("127.0.0.1", self._port))
