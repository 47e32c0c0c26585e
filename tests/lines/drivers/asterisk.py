"""Phones for the Asterisk line: a second Asterisk is the carrier and everybody's telephone.

Both directions are real SIP and RTP on loopback. The phones are moved by ARI: an application of the
second Asterisk rings, answers, presses keys and hangs up when the test says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from callcenter.line import Device, DeviceKind, LineResumed
from callcenter.telephony.asterisk.ari import Ari, AriRefused, segment
from callcenter.telephony.asterisk.events import Bridge, Channel, Event
from callcenter.telephony.asterisk.line import AsteriskLine
from callcenter.voice import Voice
from tests.e2e.asterisk import Asterisk, free_port
from tests.lines.drivers.base import LIMIT_S, Heard
from tests.waiting import until

DIALPLAN = """
[incoming](+)
exten => _[du].,1,Stasis(phones,${EXTEN})
 same => n,Hangup()
exten => _+.,1,Stasis(phones,${EXTEN})
 same => n,Hangup()
"""

#: How the carrier calls us: with the caller's number, or without.
ENDPOINTS = """
[carrier](trunk)
transport = udp
context = incoming
identify_by = ip
aors = trunk
dtmf_mode = rfc4733

[hidden](trunk)
transport = udp
context = incoming
identify_by = ip
aors = trunk
dtmf_mode = rfc4733
from_user = anonymous
from_domain = anonymous.invalid
"""

_numbers = itertools.count(1)


@dataclass
class Pair:
    """Our Asterisk and that of the phones, for a whole module of tests."""

    ours: Asterisk
    theirs: Asterisk

    @classmethod
    def make(cls, folder: Path, **settings: str) -> Pair:
        sip, other_sip = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        extra = folder / "phones" / "extra"
        extra.mkdir(parents=True)
        (extra / "extensions.conf").write_text(DIALPLAN)
        (extra / "pjsip.conf").write_text(ENDPOINTS)
        ours = Asterisk(
            folder / "asterisk",
            trunk_peer=f"127.0.0.1:{other_sip}",
            settings=settings,
            sip_port=sip,
        )
        theirs = Asterisk(
            folder / "phones", app="phones", trunk_peer=f"127.0.0.1:{sip}", sip_port=other_sip
        )
        return cls(ours, theirs)

    def start(self) -> None:
        self.ours.start()
        try:
            self.theirs.start()
        except BaseException:
            self.ours.stop()
            raise

    def stop(self) -> None:
        self.ours.stop()
        self.theirs.stop()


@dataclass
class AsteriskPhone:
    """A channel of the phones' Asterisk."""

    phones: Phones
    channel: str
    device: Device = field(default_factory=lambda: Device(DeviceKind.SIP, ""))

    @property
    def path(self) -> str:
        return f"/channels/{segment(self.channel)}"

    async def press(self, keys: str) -> None:
        await self.phones.ari.post(f"{self.path}/dtmf", dtmf=keys, duration=100, between=60)
        await asyncio.sleep(0.16 * len(keys))  # they are pressed one after the other

    async def speak(self, seconds: float) -> None:
        """A tone of 1004 Hz."""
        name = f"tone-{next(_numbers)}"
        await self.phones.ari.post(f"{self.path}/play/{name}", media="tone:1004/1000")
        await asyncio.sleep(seconds)
        await self.phones.ari.delete(f"/playbacks/{name}")

    async def hang_up(self) -> None:
        with contextlib.suppress(AriRefused):
            await self.phones.ari.delete(self.path)

    async def noise(self) -> None:
        """Send RTP without end, as a telephone does (ours are quiet unless they speak)."""
        await self.phones.ari.post(f"{self.path}/silence")

    async def listen(self, seconds: float) -> Path:
        """Record what it hears for so long; the answer is an 8 kHz WAV file."""
        name = f"heard-{next(_numbers)}"
        await self.phones.ari.post(
            f"{self.path}/record", name=name, format="wav", ifExists="fail", maxDurationSeconds=60
        )
        await asyncio.sleep(seconds)
        await self.phones.ari.post(f"/recordings/live/{name}/stop")
        await until(lambda: name in self.phones.recorded)  # only then the file is whole
        return self.phones.asterisk.recordings / f"{name}.wav"


@dataclass
class AsteriskAgentPhone(AsteriskPhone):
    """Rung by our Asterisk. Until then it has no channel."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def asked(self) -> None:
        await asyncio.wait_for(self.arrived.wait(), LIMIT_S)

    async def ring(self) -> None:
        await self.asked()
        await self.phones.ari.post(f"{self.path}/ring")

    async def answer(self) -> None:
        await self.asked()
        await self.phones.ari.post(f"{self.path}/answer")

    async def decline(self) -> None:
        await self.asked()
        await self.phones.ari.delete(f"{self.path}?reason_code=21")

    async def busy(self) -> None:
        await self.asked()
        await self.phones.ari.delete(f"{self.path}?reason_code=17")


class Phones:
    """Everybody's telephones."""

    def __init__(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk
        self.ready = asyncio.Event()
        self.agents: dict[str, AsteriskAgentPhone] = {}
        self.up: set[str] = set()
        self.gone: set[str] = set()
        self.recorded: set[str] = set()
        self.ari = Ari(
            asterisk.access(), on_event=self._event, on_up=self._up, on_down=self.ready.clear
        )

    async def _up(self) -> None:
        self.ready.set()

    def _event(self, event: Event) -> None:
        if event.recording is not None:
            self.recorded.add(event.recording.name)
        if event.channel is None:
            return
        if event.type == "StasisStart":
            self.up.add(event.channel.id)
            agent = self.agents.get(event.args[0]) if event.args else None
            if agent is not None:
                agent.channel = event.channel.id
                agent.arrived.set()
        elif event.type in ("ChannelDestroyed", "StasisEnd"):
            self.gone.add(event.channel.id)

    async def call(self, caller: str | None, to: str) -> AsteriskPhone:
        phone = AsteriskPhone(self, f"caller-{next(_numbers)}")
        await self.ari.post(
            phone.path,
            endpoint=f"PJSIP/{to}@{'carrier' if caller else 'hidden'}",
            app=self.ari.app,
            callerId=caller or "",
            timeout=30,
        )
        await until(lambda: phone.channel in self.up)
        return phone


async def sweep(ari: Ari) -> None:
    """End all calls and rooms: the next test shares this Asterisk."""
    for channel in await ari.get("/channels", list[Channel]):
        with contextlib.suppress(AriRefused):
            await ari.delete(f"/channels/{segment(channel.id)}")
    for bridge in await ari.get("/bridges", list[Bridge]):
        with contextlib.suppress(AriRefused):
            if bridge.bridge_type != "holding":
                await ari.delete(f"/bridges/{segment(bridge.id)}")
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    while await ari.get("/channels", list[Channel]):
        assert asyncio.get_running_loop().time() < deadline, "a channel does not end"
        await asyncio.sleep(0.02)


class AsteriskDriver:
    """The Asterisk line on a pair of Asterisks."""

    number = "1500630"

    def __init__(self, pair: Pair, folder: Path, guard_s: int = 30) -> None:
        self.pair = pair
        self.guard_s = guard_s
        self.heard = Heard()
        self.phones = Phones(pair.theirs)
        self.voice = Voice(pair.ours.sounds, voices={"id": "id+f2", "en": "en+f2"}, rate=160)
        self.line = self._line()

    def _line(self) -> AsteriskLine:
        ours = self.pair.ours
        return AsteriskLine(
            ours.access(),
            self.voice,
            ws=ours.ws,
            trunk="PJSIP/trunk",
            guard_s=self.guard_s,
        )

    async def start(self) -> None:
        await self.phones.ari.start()
        await self.line.start(self.heard.emit)
        await asyncio.wait_for(self.phones.ready.wait(), LIMIT_S)
        await self.heard.first(LineResumed)

    async def stop(self) -> None:
        await sweep(self.phones.ari)
        await sweep(self.line.ari)
        await self.line.stop()
        await self.phones.ari.stop()

    async def arrive(
        self, caller: str | None = "+628111000111", to: str = "1500630"
    ) -> AsteriskPhone:
        return await self.phones.call(caller, to)

    async def agent(self) -> AsteriskAgentPhone:
        name = f"desk{next(_numbers)}"
        address = f"sip:{name}@127.0.0.1:{self.pair.theirs.sip_port}"
        phone = AsteriskAgentPhone(self.phones, "", Device(DeviceKind.SIP, address))
        self.phones.agents[name] = phone
        return phone

    async def citizen(self) -> AsteriskAgentPhone:
        number = f"+62813{next(_numbers):07}"
        phone = AsteriskAgentPhone(self.phones, "", Device(DeviceKind.CALLER, number))
        self.phones.agents[number] = phone
        return phone

    def nowhere(self) -> Device:
        return Device(DeviceKind.BROWSER, "nobody")

    async def die_and_come_back(self) -> None:
        await self.line.stop()
        self.heard = Heard()
        self.line = self._line()
        await self.line.start(self.heard.emit)


@contextlib.asynccontextmanager
async def asterisk_driver(
    pair: Pair, folder: Path, guard_s: int = 30
) -> AsyncIterator[AsteriskDriver]:
    """A driver on ``pair``; afterwards no channel and no room is left."""
    driver = AsteriskDriver(pair, folder, guard_s)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.stop()
