"""The softphone accounts of signed-in agents: made at sign-in, shown in the console, removed."""

from __future__ import annotations

import logging

from callcenter.line import Device, DeviceKind
from callcenter.people.accounts import Account
from callcenter.web.ports import BrowserAccount, Devices, VoiceAccount, VoiceDevices

log = logging.getLogger(__name__)


class Softphones:
    """Asks the line for an account once a sign-in, and again after our own restart."""

    def __init__(
        self, devices: Devices | None, default_device: str, voice: VoiceDevices | None = None
    ) -> None:
        self._devices = devices
        self._voice = voice
        self._default = DeviceKind(default_device)
        self._open: dict[str, BrowserAccount] = {}
        #: Who signed out: a page of theirs that is still being written must not bring it back.
        self._closed: set[str] = set()

    def device_of(self, account: Account) -> Device:
        """What this agent answers with."""
        return account.device or Device(self._default, account.id)

    async def open(self, account: Account) -> None:
        """The agent signs in."""
        self._closed.discard(account.id)
        await self.of(account)

    async def of(self, account: Account) -> BrowserAccount | None:
        """The account to register with; None when the agent has another kind of device or has
        signed out, or while the line is away."""
        if self._devices is None or self.device_of(account).kind is not DeviceKind.BROWSER:
            return None
        if account.id in self._closed:
            return None
        if account.id not in self._open:
            try:
                opened = await self._devices.open(account.id)
            except ConnectionError as away:
                log.warning("no softphone account: %s", away)
                return None
            if account.id in self._closed:
                return None
            self._open[account.id] = opened
        return self._open[account.id]

    def voice_of(self, account: Account) -> VoiceAccount | None:
        """The account at Twilio, its token always good for a while; None as :meth:`of`."""
        if self._voice is None or self.device_of(account).kind is not DeviceKind.BROWSER:
            return None
        return None if account.id in self._closed else self._voice.open(account.id)

    def heard(self, agent: str, up: bool) -> None:
        """The page says whether its telephone is registered at Twilio."""
        if self._voice is not None and agent not in self._closed:
            self._voice.heard(agent, up)

    async def close(self, agent: str) -> None:
        """The agent has signed out."""
        self._closed.add(agent)
        self._open.pop(agent, None)
        if self._voice is not None:
            self._voice.close(agent)
        if self._devices is not None:
            try:
                await self._devices.close(agent)
            except ConnectionError as away:
                log.warning("a softphone account is left over: %s", away)
