"""A small web site for the fake's own tests: what Twilio asks for, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from tests.fake_twilio import FakeTwilio

#: A path's answer: TwiML, or (status, content type, body).
Answer = str | tuple[int, str, bytes]


@dataclass(frozen=True)
class Visit:
    """One request. ``url`` as a proxy-less server sees it."""

    method: str
    url: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class Site:
    """``answers``: path -> what is answered, a list is used up one by one, its last for ever."""

    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    closing: set[str] = field(default_factory=set)  #: paths whose connection is cut
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        posted = {name: str(value) for name, value in (await request.post()).items()}
        params = {**request.query, **posted}
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = str(request.url)
        self.visits.append(Visit(request.method, url, request.path, params, headers))
        if request.path in self.closing:
            assert request.transport is not None
            request.transport.abort()
        answer = self.answers.get(request.path, (404, "text/plain", b"nothing here"))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, str):
            answer = (200, "text/xml", f"<Response>{answer}</Response>".encode())
        status, kind, body = answer
        if 300 <= status < 400:
            return web.Response(status=status, headers={"Location": body.decode()})
        return web.Response(status=status, content_type=kind, body=body)

    def of(self, path: str) -> list[Visit]:
        return [visit for visit in self.visits if visit.path == path]

    def last(self, path: str) -> dict[str, str]:
        """The parameters of the latest request for ``path``."""
        return self.of(path)[-1].params

    def paths(self) -> list[str]:
        return [visit.path for visit in self.visits]


def connect(twilio: FakeTwilio, site: Site, **answers: Answer | list[Answer]) -> None:
    """A number whose calls go to ``/voice`` of the site."""
    site.answers.update({f"/{name}": answer for name, answer in answers.items()})
    twilio.number(
        "+622150630",
        voice_url=f"{site.url}/voice",
        status_callback=f"{site.url}/status",
    )
    site.answers.setdefault("/status", (204, "text/plain", b""))
