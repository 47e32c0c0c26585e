"""Twilio's own Python library, pointed at the fake: what it sends is what Twilio gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from tests.fake_twilio import FakeTwilio


class _Elsewhere(TwilioHttpClient):  # type: ignore[misc]
    """Sends what is meant for ``api.twilio.com`` to ``base_url``."""

    def __init__(self, base_url: str) -> None:
        super().__init__(pool_connections=False, timeout=5)
        self._to = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        parts = urlsplit(url)
        there = urlunsplit((self._to.scheme, self._to.netloc, parts.path, parts.query, ""))
        return super().request(method, there, *args, **more)


class Library:
    """``await library(lambda client: client.calls.create(…))``: done in a thread."""

    def __init__(self, twilio: FakeTwilio, user: str = "", password: str = "") -> None:
        self.client = Client(
            user or twilio.account_sid,
            password or twilio.auth_token,
            account_sid=twilio.account_sid,
            http_client=_Elsewhere(twilio.base_url),
        )

    async def __call__(self, ask: Callable[[Any], Any]) -> Any:
        return await asyncio.to_thread(ask, self.client)
