"""Agents' phones: browser softphones with an account that lives as long as a sign-in.

An account is an auth, an aor and an endpoint in Asterisk's memory, made through ARI. They are gone
when Asterisk restarts, and made again with the same password. When *we* restart they are still
there: the password is read back, so a softphone that is registered or talking notices nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable

import msgspec
import structlog

from callcenter.line import Device, DeviceKind
from callcenter.telephony.asterisk.ari import AriAway, AriRefused, Requests, segment
from callcenter.telephony.asterisk.events import Contact, Endpoint, Event
from callcenter.telephony.asterisk.words import (
    agent_of,
    endpoint_name,
    phone_number,
    sip_address,
)

log = structlog.get_logger(__name__)

SETTINGS = "/asterisk/config/dynamic/res_pjsip"
#: A browser that vanished without closing its WebSocket is noticed after this long.
QUALIFY_S = 15
BROWSER_RTP_TIMEOUT_S = 20
#: Events tell at once; what they left out is found by looking this often.
LOOK_EVERY_S = 5.0
#: What Asterisk calls a registration that is there.
REGISTERED = ("Created", "Updated", "Reachable", "NonQualified")


class Account(msgspec.Struct, frozen=True):
    """What a browser registers with."""

    uri: str
    username: str
    password: str
    ws: str

    def __repr__(self) -> str:
        return f"Account({self.username!r})"


class _Field(msgspec.Struct, frozen=True):
    attribute: str
    value: str


class Devices:
    """Softphone accounts and how agents are rung.

    ``changed(agent, up)`` is called when an agent's softphone came or went, ``replaced(agent)``
    when another one registered in its place: the page was loaded anew, or is open elsewhere.
    ``trunk``: endpoint for telephone numbers (``PJSIP/trunk``), None: there is none. ``prefixes``:
    how numbers that may be called begin.
    """

    def __init__(
        self,
        ari: Requests,
        *,
        app: str,
        ws: str,
        trunk: str | None,
        prefixes: tuple[str, ...],
        changed: Callable[[str, bool], None],
        replaced: Callable[[str], None],
    ) -> None:
        self._ari = ari
        self._app = app
        self._ws = ws
        self._trunk = trunk
        self._prefixes = prefixes
        self._changed = changed
        self._replaced = replaced
        self._contacts: dict[str, str] = {}
        self._accounts: dict[str, Account] = {}
        self._up: dict[str, bool] = {}
        self._watched: set[str] = set()
        self._lock = asyncio.Lock()

    # --- Signing in and out -------------------------------------------------------------------

    async def open(self, agent: str) -> Account:
        """The agent's account, made when there is none. Asked again it is the same one.

        Raises:
            ValueError: the agent id cannot name an account.
            ConnectionError: Asterisk is away; ask again.
        """
        name = endpoint_name(agent)
        if name is None:
            raise ValueError(f"{agent!r} cannot name an account")
        async with self._lock:
            account = self._accounts.get(agent)
            if account is None:
                password = await self._password(name) or secrets.token_urlsafe(24)
                host = self._ws.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
                account = Account(f"sip:{name}@{host}", name, password, self._ws)
                await self._push(account)
                self._accounts[agent] = account
        await self.look()
        return account

    async def close(self, agent: str) -> None:
        """Remove the account. While Asterisk is away it stays; :meth:`keep_only` finds it later."""
        name = endpoint_name(agent)
        if name is None:
            return
        async with self._lock:
            self._accounts.pop(agent, None)
            self._watched.discard(agent)
            self._contacts.pop(agent, None)
            await self._remove(name)
        self._set(agent, False)

    async def keep_only(self, agents: frozenset[str]) -> None:
        """Remove the accounts of everybody else: they signed out while we were away."""
        try:
            endpoints = await self._ari.get("/endpoints/PJSIP", list[Endpoint])
        except AriRefused:
            return
        for endpoint in endpoints:
            agent = agent_of(endpoint.resource)
            if agent is not None and agent not in agents:
                await self.close(agent)

    def account(self, agent: str) -> Account | None:
        """The account that :meth:`open` made."""
        return self._accounts.get(agent)

    def up(self, agent: str) -> bool:
        """Whether the agent's softphone is registered, as far as we know."""
        return self._up.get(agent, False)

    async def push_again(self) -> None:
        """Asterisk was restarted and has forgotten all accounts."""
        async with self._lock:
            for account in self._accounts.values():
                await self._push(account)

    # --- Ringing ------------------------------------------------------------------------------

    def dial_string(self, device: Device) -> str | None:
        """What Asterisk dials to ring ``device``; None: it is not one that we may ring."""
        match device.kind:
            case DeviceKind.BROWSER:
                name = endpoint_name(device.address)
                return f"PJSIP/{name}" if name else None
            case DeviceKind.SIP:
                address = sip_address(device.address)
                return f"PJSIP/desk/{address}" if address else None
            case DeviceKind.PHONE | DeviceKind.CALLER:
                number = phone_number(device.address, self._prefixes)
                if number is None or self._trunk is None:
                    return None
                technology, endpoint = self._trunk.split("/", 1)
                return f"{technology}/{number}@{endpoint}"
            case _:
                return None

    # --- Coming and going ---------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """An event about an endpoint."""
        if event.contact_info is not None:
            self._registered(event.contact_info)
            return
        agent = agent_of(event.endpoint.resource) if event.endpoint is not None else None
        if agent is not None and event.endpoint is not None:
            self._set(agent, event.endpoint.state == "online")

    def _registered(self, contact: Contact) -> None:
        """A softphone keeps its address, made at random, while its page lives."""
        agent = agent_of(contact.aor)
        if agent is None or contact.contact_status not in REGISTERED:
            return
        before, now = self._contacts.get(agent), contact.uri.split("@", 1)[0]
        self._contacts[agent] = now
        if before not in (None, now):
            self._replaced(agent)

    async def look(self, *, again: bool = False) -> None:
        """Compare with who is registered, and report the differences (``again``: everybody). All
        accounts count, also those that an earlier process of ours made."""
        try:
            endpoints = await self._ari.get("/endpoints/PJSIP", list[Endpoint])
        except (AriRefused, AriAway):
            return
        up = {agent_of(e.resource): e.state == "online" for e in endpoints}
        for agent in self._accounts:
            up.setdefault(agent, False)
        for who, online in up.items():
            if who is not None:
                if again:
                    self._up.pop(who, None)
                self._set(who, online)
                await self._watch(who)

    async def _watch(self, agent: str) -> None:
        """Have Asterisk tell us when the softphone comes and goes."""
        name = endpoint_name(agent)
        if agent in self._watched or name is None:
            return
        self._watched.add(agent)
        with contextlib.suppress(AriRefused, AriAway):  # :meth:`look` sees it a little later
            path = f"/applications/{segment(self._app)}/subscription"
            await self._ari.post(path, eventSource=f"endpoint:PJSIP/{name}")

    def forget_events(self) -> None:
        """We are connected anew: whatever we were told of, we have to ask for it again."""
        self._watched.clear()

    def all_down(self) -> None:
        """Asterisk is gone: so is every registration."""
        for agent in list(self._up):
            self._set(agent, False)

    def _set(self, agent: str, up: bool) -> None:
        if self._up.get(agent) != up:
            self._up[agent] = up
            self._changed(agent, up)

    # --- Accounts in Asterisk -----------------------------------------------------------------

    async def _password(self, name: str) -> str | None:
        """The password of an account that an earlier process of ours made."""
        try:
            fields = await self._ari.get(f"{SETTINGS}/auth/{segment(name)}", list[_Field])
        except AriRefused:
            return None
        values = {field.attribute: field.value for field in fields}
        return values.get("password") or None

    async def _push(self, account: Account) -> None:
        name = account.username
        await self._set_object(
            "auth", name, auth_type="userpass", username=name, password=account.password
        )
        await self._set_object(
            "aor",
            name,
            max_contacts="1",
            remove_existing="yes",
            remove_unavailable="yes",
            qualify_frequency=str(QUALIFY_S),
            qualify_timeout="3.0",
        )
        await self._set_object(
            "endpoint", name, auth=name, aors=name, transport="ws", webrtc="yes",
            # What the trunk speaks: nothing is transcoded.
            disallow="all", allow="alaw,ulaw",
            context="dead-end", allow_transfer="no", allow_subscribe="no", direct_media="no",
            identify_by="auth_username,username", rtp_timeout=str(BROWSER_RTP_TIMEOUT_S),
            use_avpf="yes", media_encryption="dtls", dtmf_mode="rfc4733",
        )  # fmt: skip

    async def _set_object(self, kind: str, name: str, **fields: str) -> None:
        body = {"fields": [{"attribute": key, "value": value} for key, value in fields.items()]}
        try:
            await self._ari.put(f"{SETTINGS}/{kind}/{segment(name)}", body)
        except AriRefused as error:
            log.error("account_not_made", endpoint=name, kind=kind, why=str(error))
            raise ConnectionError(f"Asterisk refused the account: {error}") from error

    async def _remove(self, name: str) -> None:
        for kind in ("endpoint", "aor", "auth"):
            with contextlib.suppress(AriRefused, AriAway):
                await self._ari.delete(f"{SETTINGS}/{kind}/{segment(name)}")
