"""Agents' browsers as telephones: a token to register with, and whether they are there.

Twilio does not tell us whose browser is registered, so the page itself says so now and then; when
it stops saying so it is gone. A token lets a browser be called, and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from callcenter.telephony.twilio import words

#: A token is good for this long; pages get a new one when half of it is over.
TOKEN_S = 3600
#: A page that has not said for so long that its telephone is there has gone.
PRESENT_S = 40.0
LOOK_EVERY_S = 5.0


class VoiceAccount(msgspec.Struct, frozen=True):
    """What a browser registers with. ``expires_at``: UTC milliseconds."""

    identity: str
    token: str
    expires_at: int

    def __repr__(self) -> str:
        return f"VoiceAccount({self.identity!r})"


class Devices:
    """The browsers of signed-in agents.

    ``key``, ``secret``: an API key of ``account``. ``changed(agent, up)`` is called when an agent's
    browser came or went.
    """

    #: Where Twilio's library in the page connects to: signalling, and its figures.
    hosts: tuple[str, ...] = ("wss://voice-js.roaming.twilio.com", "https://eventgw.twilio.com")

    def __init__(
        self, account: str, key: str, secret: str, *, changed: Callable[[str, bool], None]
    ) -> None:
        self._account = account
        self._key = key
        self._secret = secret
        self._changed = changed
        self._accounts: dict[str, VoiceAccount] = {}
        self._heard: dict[str, float] = {}
        self._up: dict[str, bool] = {}

    def open(self, agent: str) -> VoiceAccount | None:
        """The agent's account, with a token that is good for a while; None: the agent's id can't
        be a name at Twilio."""
        identity = words.identity(agent)
        if identity is None:
            return None
        account = self._accounts.get(agent)
        if account is None or account.expires_at < (time.time() + TOKEN_S / 2) * 1000:
            account = self._token(identity)
            self._accounts[agent] = account
        self._heard.setdefault(agent, asyncio.get_running_loop().time())
        return account

    def _token(self, identity: str) -> VoiceAccount:
        # The package has no types.
        from twilio.jwt.access_token import AccessToken  # type: ignore[import-untyped]
        from twilio.jwt.access_token.grants import VoiceGrant  # type: ignore[import-untyped]

        grant = VoiceGrant(incoming_allow=True)
        token = AccessToken(
            self._account, self._key, self._secret, [grant], identity=identity, ttl=TOKEN_S
        )
        expires_at = round((time.time() + TOKEN_S) * 1000)
        return VoiceAccount(identity, str(token.to_jwt()), expires_at)

    def close(self, agent: str) -> None:
        """The agent has signed out. The token lives on until its end, and rings for nobody."""
        self._accounts.pop(agent, None)
        self._heard.pop(agent, None)
        self._set(agent, False)

    def heard(self, agent: str, up: bool) -> None:
        """The agent's page says whether its telephone is registered."""
        if agent in self._accounts:
            self._heard[agent] = asyncio.get_running_loop().time()
            self._set(agent, up)

    def up(self, agent: str) -> bool:
        """Whether the agent's browser is registered, as far as we know."""
        return self._up.get(agent, False)

    async def run(self) -> None:
        """Notice who has gone, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Whoever was not heard of for a while is gone."""
        now = asyncio.get_running_loop().time()
        for agent, at in self._heard.items():
            if now - at > PRESENT_S:
                self._set(agent, False)

    def _set(self, agent: str, up: bool) -> None:
        if self._up.get(agent) != up:
            self._up[agent] = up
            self._changed(agent, up)
