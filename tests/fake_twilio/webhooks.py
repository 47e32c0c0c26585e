"""How Twilio requests URLs: signed, within 15 s in all, one retry, redirects followed.

Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides (timeouts, retry
count and policy, idempotency token), /usage/webhooks/webhooks-security (signature), and the error
dictionary. By default only a connection that fails is tried again (``rc=1``, ``rp=ct``).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import aiohttp
from yarl import URL

from tests.fake_twilio.chaos import Chaos, Fault
from tests.fake_twilio.clock import Clock, first
from tests.fake_twilio.codes import Problems
from tests.fake_twilio.signing import SharedKey, signed_headers

#: The hard limit of every call-related request, in virtual seconds, and in real ones.
TOTAL_S = 15.0
MOST_REDIRECTS = 10
MOST_BYTES = 1 << 20


class FetchFailed(Exception):
    """Twilio got no answer that it can use. ``url`` failed with ``code``."""

    def __init__(self, code: int, url: str, detail: str, injected: bool = False) -> None:
        super().__init__(f"{code} {url}: {detail}")
        self.code = code
        self.url = url
        self.detail = detail
        self.injected = injected


@dataclass(frozen=True)
class Reply:
    """An answer with a status below 400."""

    status: int
    content_type: str
    body: bytes
    url: str
    headers: dict[str, str]


@dataclass
class Webhook:
    """One webhook, and what became of it. ``attempts`` counts requests that reached the server."""

    index: int
    kind: str
    method: str
    url: str
    params: dict[str, str]
    call: str | None
    fault: Fault | None
    token: str = field(default_factory=lambda: secrets.token_hex(18))
    attempts: int = 0
    status: int | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        """The path and query of the URL."""
        parts = urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def __str__(self) -> str:
        what = self.params.get("StatusCallbackEvent") or self.params.get("CallStatus", "")
        return f"#{self.index} {self.kind} {self.path} {what} {self.fault or ''}".rstrip()


class _Unreached(Exception):
    """No connection (``ct``)."""


class _Unanswered(Exception):
    """No answer in time (``rt``)."""


@dataclass(frozen=True)
class Overrides:
    """The connection settings in a URL's fragment."""

    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})
    read_s: float = TOTAL_S
    total_s: float = TOTAL_S

    @classmethod
    def of(cls, url: str) -> Overrides:
        given = {name: values[-1] for name, values in parse_qs(urlsplit(url).fragment).items()}
        policy = frozenset(given.get("rp", "ct").split(","))
        return cls(
            retries=min(5, int(given.get("rc", 1))),
            policy=frozenset({"ct", "rt", "4xx", "5xx"}) if "all" in policy else policy,
            read_s=int(given.get("rt", 15000)) / 1000,
            total_s=min(TOTAL_S, int(given.get("tt", 15000)) / 1000),
        )


class Sender:
    """Sends webhooks and keeps a log of them."""

    def __init__(
        self, clock: Clock, problems: Problems, chaos: Chaos, token: str, account: str
    ) -> None:
        self.clock = clock
        self.problems = problems
        self.chaos = chaos
        self.token = token
        self.account = account
        self.shared_key: SharedKey | None = None
        self.log: list[Webhook] = []
        self._session: aiohttp.ClientSession | None = None
        self._media: dict[str, Reply] = {}
        self._latest: Webhook | None = None

    async def start(self) -> None:
        # No connection is kept: an application that was killed must not be met by a dead one.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    # --- what the engine calls ---------------------------------------------------------------

    def hook(
        self, kind: str, url: str, method: str, params: dict[str, str], call: str | None
    ) -> Webhook:
        """A webhook with the next number; :meth:`send` sends it."""
        index = len(self.log)
        made = Webhook(index, kind, method, url, params, call, self.chaos.fault(index, url, params))
        self.log.append(made)
        return made

    async def send(self, hook: Webhook) -> Reply:
        """Send ``hook`` as its fault says.

        Raises:
            FetchFailed: there is no answer that Twilio can use.
        """
        if self.chaos.before is not None:
            await self.chaos.before(hook.index)
        if hook.fault is Fault.DELAY:
            await self._hold(hook)
        try:
            reply = await self._attempts(hook)
            hook.status = reply.status
            if hook.fault is Fault.REPEAT:
                reply = await self._once(hook, Overrides.of(hook.url))
            return reply
        finally:
            hook.answered.set()
            if hook.fault is Fault.LATE_COPY:
                self._copy = asyncio.create_task(self._late_copy(hook))

    async def media(self, url: str) -> Reply:
        """The file at ``url`` for Play: requested without parameters, kept as Twilio's cache does.

        Raises:
            FetchFailed: there is none.
        """
        if url in self._media:
            return self._media[url]
        hook = Webhook(-1, "media", "GET", url, {}, None, None)
        if self.chaos.before is not None:
            await self.chaos.before(hook.index)
        reply = await self._attempts(hook)
        if "no-cache" not in reply.headers.get("cache-control", ""):
            self._media[url] = reply
        return reply

    # --- attempts ----------------------------------------------------------------------------

    async def _attempts(self, hook: Webhook) -> Reply:
        overrides = Overrides.of(hook.url)
        until = self.clock.now + overrides.total_s
        injected = hook.fault is not None
        for attempt in range(overrides.retries + 1):
            last = attempt == overrides.retries or self.clock.now >= until
            try:
                return await self._attempt(hook, attempt, overrides)
            except _Unreached as failed:
                if last or "ct" not in overrides.policy:
                    raise FetchFailed(11205, hook.url, str(failed), injected) from None
            except _Unanswered as failed:
                if last or "rt" not in overrides.policy:
                    raise FetchFailed(11205, hook.url, str(failed), injected) from None
            except FetchFailed as failed:
                kind = "4xx" if (hook.status or 0) < 500 else "5xx"
                if last or failed.code != 11200 or kind not in overrides.policy:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, hook: Webhook, attempt: int, overrides: Overrides) -> Reply:
        if hook.fault is Fault.DROP or (hook.fault is Fault.DROP_ONCE and attempt == 0):
            raise _Unreached("dropped on its way")
        if hook.fault is Fault.SERVER_ERROR:
            hook.status = 502
            raise FetchFailed(11200, hook.url, "502 on its way", injected=True)
        if hook.fault is Fault.LOSE_ANSWER and attempt == 0:
            await self._once(hook, overrides)
            await self.clock.sleep(overrides.read_s)
            raise _Unanswered("the answer was lost on its way")
        return await self._once(hook, overrides)

    async def _once(self, hook: Webhook, overrides: Overrides) -> Reply:
        """One request that reaches the server, redirects included."""
        url, method, params = hook.url.partition("#")[0], hook.method, hook.params
        for _ in range(MOST_REDIRECTS):
            with self.clock.busy():
                status, headers, body = await self._request(hook, url, method, params, overrides)
            if status in (301, 302, 303, 307, 308) and "location" in headers:
                # A redirect is followed, but the parameters are not sent again.
                url, method, params = urljoin(url, headers["location"]), "GET", {}
                continue
            hook.status = status
            if body and "content-type" not in headers:
                raise FetchFailed(12300, url, "no Content-Type", hook.fault is not None)
            if status >= 400:
                raise FetchFailed(11200, url, f"HTTP {status}", hook.fault is not None)
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            return Reply(status, kind, body, url, headers)
        raise FetchFailed(11215, hook.url, f"{MOST_REDIRECTS} redirects")

    async def _request(
        self, hook: Webhook, url: str, method: str, params: dict[str, str], overrides: Overrides
    ) -> tuple[int, dict[str, str], bytes]:
        assert self._session is not None
        pairs = list(params.items())
        if method == "GET" and pairs:
            url += ("&" if urlsplit(url).query else "?") + urlencode(pairs)
            pairs = []
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": hook.token,
            "X-Home-Region": "us1",
            **signed_headers(url, pairs, self.token, self.shared_key),
        }
        data: bytes | None = None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            data = urlencode(pairs).encode()
        hook.attempts += 1
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=min(overrides.total_s, overrides.read_s)),
            ) as response:
                body = await response.content.read(MOST_BYTES)
                return response.status, {k.lower(): v for k, v in response.headers.items()}, body
        except TimeoutError:
            raise _Unanswered("no answer in time") from None
        except (aiohttp.ClientConnectorDNSError, aiohttp.InvalidURL) as failed:
            raise FetchFailed(11210, url, str(failed)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as failed:
            raise _Unreached(repr(failed)) from None
        except (aiohttp.ClientError, OSError) as failed:
            # It was sent, and the connection closed without an answer: not tried again.
            raise FetchFailed(11200, url, repr(failed), hook.fault is not None) from None

    # --- order -------------------------------------------------------------------------------

    async def _hold(self, hook: Webhook) -> None:
        """Wait until a later webhook was answered, or nearly as long as Twilio would wait."""
        timer = self.clock.timer(self.chaos.hold_s)
        while not timer.done():
            later = [one for one in self.log[hook.index + 1 :] if one.fault is not Fault.DELAY]
            if any(one.answered.is_set() for one in later):
                break
            waits = [asyncio.ensure_future(one.answered.wait()) for one in later]
            tick = self.clock.timer(0.1)
            await first(*waits, timer, tick)
            tick.cancel()
            for wait in waits:
                wait.cancel()
        timer.cancel()

    async def _late_copy(self, hook: Webhook) -> None:
        await self._hold(hook)
        try:
            await self._once(hook, Overrides.of(hook.url))
        except (FetchFailed, _Unreached, _Unanswered):
            pass  # nobody waits for its answer
