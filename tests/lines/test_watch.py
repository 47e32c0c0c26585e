"""What the watch counts and says, told by a manager that is made up."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeVar, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from callcenter.telephony.asterisk import ami
from callcenter.telephony.asterisk import watch as module
from callcenter.telephony.asterisk.ami import Packet
from callcenter.telephony.asterisk.ari import AriAway, AriRefused, Requests
from callcenter.telephony.asterisk.watch import ATTACKS, Watch
from tests.capabilities import ROOT
from tests.lines.test_ami import FakeManager
from tests.waiting import until

T = TypeVar("T")


class Manager(FakeManager):
    """Says after each sign-in that Asterisk is up, as the real one does."""

    async def _answer(self, writer: asyncio.StreamWriter, packet: Packet) -> None:
        await super()._answer(writer, packet)
        if packet["Action"] == ["Login"]:
            writer.write(b"Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n")

    async def tell(self, event: str, **headers: str) -> None:
        lines = [f"Event: {event}", *(f"{name}: {value}" for name, value in headers.items())]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())


@dataclass
class Asterisk:
    """The two questions that the watch asks by ARI."""

    state: str = "online"
    qualify: str = "30"
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def get(self, path: str, shape: type[T], **_params: str) -> T:
        self.asked.append(path)
        if self.away:
            raise AriAway("no", sent=False)
        if "/aor/" in path:
            found: object = [{"attribute": "qualify_frequency", "value": self.qualify}]
        elif path == "/endpoints/PJSIP/trunk":
            found = {"technology": "PJSIP", "resource": "trunk", "state": self.state}
        else:
            raise AriRefused(404, path)
        return msgspec.convert(found, shape)


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    made = Manager()
    await made.start()
    yield made
    await made.stop()


@contextlib.asynccontextmanager
async def watching(manager: Manager, asterisk: Asterisk, now: list[float]) -> AsyncIterator[Watch]:
    watch = Watch(
        "127.0.0.1",
        manager.port,
        "secret",
        ari=cast(Requests, asterisk),
        trunk="trunk",
        clock=lambda: now[0],
    )
    task = asyncio.create_task(watch.run())
    try:
        await until(lambda: watch.counts.manager_connects == 1)
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_S", 0.02)
    monkeypatch.setattr(ami, "FIRST_WAIT_S", 0.01)


async def test_attacks_are_counted_and_said_now_and_then_without_names(manager: Manager) -> None:
    now = [100.0]
    with capture_logs() as logs:
        async with watching(manager, Asterisk(), now) as watch:
            for n in range(50):
                await manager.tell(
                    "ChallengeResponseFailed",
                    AccountID=f"+62811{n:06}",
                    RemoteAddress="IPV4/UDP/203.0.113.9/5060",
                    Challenge="geheim",
                )
            await until(lambda: watch.counts.wrong_passwords == 50)
            now[0] += module.SAY_EVERY_S
            await manager.tell("InvalidPassword", RemoteAddress="IPV6/TCP/2001:db8::7/9")
            await manager.tell("InvalidAccountID", RemoteAddress="from +6281112345")
            await manager.tell("SuccessfulAuth", AccountID="callcenter")
            await until(lambda: watch.counts.unknown_accounts == 1)
    said = [
        (one["what"], one["times"], one["latest_from"])
        for one in logs
        if one["event"] == "asterisk_watch"
    ]
    assert said == [
        ("wrong_passwords", 1, "203.0.113.9"),
        ("wrong_passwords", 50, "2001:db8::7"),
        ("unknown_accounts", 1, "unknown"),
    ]
    assert "6281" not in str(logs)
    assert "geheim" not in str(logs)


async def test_the_trunk_is_looked_at_when_something_changes(manager: Manager) -> None:
    asterisk = Asterisk()
    with capture_logs() as logs:
        async with watching(manager, asterisk, [0.0]) as watch:
            await until(lambda: watch.trunk_reachable() is True)
            asked = len(asterisk.asked)
            await manager.tell("ContactStatus", EndpointName="agent-1", ContactStatus="Unreachable")
            asterisk.state = "offline"
            await manager.tell("ContactStatus", EndpointName="trunk", ContactStatus="Unreachable")
            await until(lambda: watch.trunk_reachable() is False)
            assert len(asterisk.asked) == asked + 2
            asterisk.state = "online"
            await manager.tell("ContactStatus", EndpointName="trunk", ContactStatus="Reachable")
            await until(lambda: watch.trunk_reachable() is True)
            await manager.tell("Registry", Username="kode", Domain="sip:x", Status="Rejected")
            await until(lambda: watch.counts.lost_registrations == 1)
            assert watch.counts.trunk_losses == 1
    events = [one["event"] for one in logs]
    assert events == ["trunk_unreachable", "trunk_reachable", "asterisk_watch"]
    assert "kode" not in str(logs)


async def test_what_is_not_known_is_not_said(manager: Manager) -> None:
    """No look by Asterisk at the carrier, no ARI, no manager: nobody knows."""
    asterisk = Asterisk(qualify="0")
    async with watching(manager, asterisk, [0.0]) as watch:
        await until(lambda: len(asterisk.asked) == 1)
        assert watch.trunk_reachable() is None
        asterisk.qualify, asterisk.away = "30", True
        await manager.tell("ContactStatus", EndpointName="trunk")
        await until(lambda: len(asterisk.asked) > 3)  # it goes on asking
        assert watch.trunk_reachable() is None
        asterisk.away = False
        await until(lambda: watch.trunk_reachable() is True)
        await manager.stop()
        await until(lambda: watch.trunk_reachable() is None)


async def test_a_link_that_was_lost_comes_back_and_the_trunk_is_looked_at_again(
    manager: Manager,
) -> None:
    asterisk = Asterisk()
    async with watching(manager, asterisk, [0.0]) as watch:
        await until(lambda: watch.trunk_reachable() is True)
        asterisk.state = "offline"
        manager.writers[-1].close()
        await until(lambda: watch.counts.manager_connects == 2)
        await until(lambda: watch.trunk_reachable() is False)
        await manager.tell("FailedACL", RemoteAddress="IPV4/UDP/203.0.113.9/5060")
        await until(lambda: watch.counts.refused_addresses == 1)


def test_asterisk_is_told_to_send_what_we_count() -> None:
    text = (ROOT / "asterisk" / "etc" / "manager.conf").read_text()
    (sent,) = re.findall(r"^eventfilter = \^Event: \((.+)\)$", text, re.MULTILINE)
    assert set(sent.split("|")) == ATTACKS.keys() | {"FullyBooted", "Registry"}
