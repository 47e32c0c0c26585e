"""The door: whose page may send what, the headers of every answer, and the access log.

A plain ASGI layer around the whole application, so that no route can be outside it.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final
from urllib.parse import urlsplit

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callcenter.web import errors

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_requests = Counter(
    "callcenter_http_requests_total", "Answers given", ["route", "method", "status"]
)
_seconds = Histogram("callcenter_http_seconds", "Time to answer", ["route"])
_log = structlog.get_logger("access")


#: The longest narrative, as JSON, with room to spare.
MOST_BODY_BYTES: Final = 160 * 1024
#: In which a body must be here whole; a file may come over a slow line.
BODY_S: Final = 15.0
UPLOAD_S: Final = 60.0
#: Here files come. Their doors read them by :func:`upload`, once they know who sends them.
_UPLOADS: Final = re.compile(r"/api/cases/[^/]+/attachments")


class Origins:
    """Which pages are ours.

    The public address always is. On loopback its other names are too, and without a public address
    whatever name the browser itself used (``Host``).
    """

    def __init__(self, base_url: str, any_host: bool) -> None:
        self._ours = _netloc(base_url)
        self._any_host = any_host

    def ours(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` may talk to us at ``host`` (as the browser sent both)."""
        netloc = _netloc(origin)
        if netloc is None:
            return False
        if netloc == self._ours:
            return True
        same = netloc == host.lower()
        return same and (self._any_host or urlsplit(f"//{host}").hostname in _LOOPBACK)


def _netloc(url: str) -> str | None:
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def policy(connect: tuple[str, ...]) -> str:
    """The Content-Security-Policy of every answer: nothing from elsewhere, nothing inline."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "font-src 'self'",
            "media-src 'self' blob: mediastream:",
            "manifest-src 'self'",
            " ".join(("connect-src 'self'", *connect)),
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


async def _whole_body(scope: Scope, receive: Receive) -> Receive:
    """The body, read to its end before anything is done; a ``receive`` that gives it.

    Raises:
        errors.TooLarge: it is longer than MOST_BODY_BYTES, or says so.
        errors.TooSlow: its end is not here after BODY_S.
    """
    headers = Headers(scope=scope)
    if scope["method"] in SAFE_METHODS and "transfer-encoding" not in headers:
        return receive
    if scope["method"] == "POST" and _UPLOADS.fullmatch(scope["path"]):
        return receive
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
        raise errors.TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return _then(message, receive)
                body += message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    raise errors.TooLarge
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise errors.TooSlow from None
    return _then({"type": "http.request", "body": bytes(body), "more_body": False}, receive)


async def upload(request: Request, most: int) -> bytes:
    """The file that is sent as the body.

    Raises:
        errors.TooLarge: it is longer than ``most`` bytes, or says so.
        errors.TooSlow: its end is not here after UPLOAD_S, or never comes.
    """
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise errors.TooLarge
    file = bytearray()
    try:
        async with asyncio.timeout(UPLOAD_S):
            async for part in request.stream():
                file += part
                if len(file) > most:
                    raise errors.TooLarge
    except (TimeoutError, ClientDisconnect):
        raise errors.TooSlow from None
    return bytes(file)


def _then(first: Message, rest: Receive) -> Receive:
    """``first``, then whatever ``rest`` gives."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await rest()
        given = True
        return first

    return receive


class Guard:
    """Refuses what other sites send, and writes the headers that protect our own pages."""

    def __init__(
        self, app: ASGIApp, origins: Origins, connect: tuple[str, ...], https: bool
    ) -> None:
        self._app = app
        self._origins = origins
        self._headers = {
            "Content-Security-Policy": policy(connect),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
        }
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket" and self._foreign(Headers(scope=scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "wrong origin"})
        else:
            await self._app(scope, receive, send)

    def _foreign(self, headers: Headers) -> bool:
        """Whether another site's page sends this. Programs send neither header, and pass."""
        origin = headers.get("origin")
        if origin is not None:
            return not self._origins.ours(origin, headers.get("host", ""))
        return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status: int | None = None

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            if scope["method"] not in SAFE_METHODS and self._foreign(Headers(scope=scope)):
                raise errors.WrongOrigin
            await self._app(scope, await _whole_body(scope, receive), answer)
        except Exception as error:
            if status is not None:
                raise  # the answer is half out: nothing can be said any more
            await errors.answer(error)(scope, receive, answer)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int | None, took_s: float) -> None:
        """One line and two figures. The route's pattern, never the address itself: paths hold ids
        and case numbers, queries hold what people look for."""
        route = getattr(scope.get("route"), "path", "none")
        _requests.labels(route, scope["method"], status).inc()
        _seconds.labels(route).observe(took_s)
        _log.info(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            took_ms=round(took_s * 1000, 1),
        )
