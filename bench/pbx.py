"""The Asterisk of this run, and the same journey in its own dialplan: menus and app_queue.

Everything that only the bench needs is below the run folder (``extra/``): the project's Asterisk
rings nobody from a dialplan. The menus play the very sound files that the application plays.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from bench.phones import ASTERISK_MEDIA
from callcenter import line, resources, topics
from callcenter.ivr import engine
from callcenter.ivr.loader import load
from callcenter.ivr.needs import Staff
from callcenter.ivr.pretend import Pretend, settle
from callcenter.voice import Voice
from tests.e2e.asterisk import Asterisk, free_port

#: The number of the application, and that of the dialplan's own journey.
NUMBER, OWN_NUMBER = "1500630", "1500631"
#: A caller who presses nothing may be silent for so long in the dialplan's menus.
SILENCE_S = 6

_QUEUE = """
[general]
persistentmembers = no
autofill = yes
[bench]
musicclass = default
strategy = leastrecent
timeout = 15
retry = 1
wrapuptime = 0
ringinuse = no
"""


async def menus(voice: Voice) -> list[tuple[Path, ...]]:
    """What a caller hears on the way into the queue: the sound files of the two menus, and of the
    first words in the queue; made where they are missing."""
    folder = resources.flows()
    codes = topics.load((folder / "topics.yaml").read_text(encoding="utf-8"))
    flows = load(folder, frozenset(codes))
    pretend = Pretend()
    found = settle(flows, engine.begin(flows, flow="main", now=0, always_open=True), pretend, 0)
    played = []
    while isinstance(found.wait, line.Keys):
        played.append(await _sounds(voice, found))
        pressed = line.DigitsEntered("leg", 1, "1")
        found = settle(flows, engine.step(flows, found.visit, pressed, 0), pretend, 0)
    return [*played, await _sounds(voice, found)]


async def queue_sounds(voice: Voice, places: int) -> None:
    """Make what callers in the queue are told for the first time: every place and waiting time."""
    folder = resources.flows()
    codes = topics.load((folder / "topics.yaml").read_text(encoding="utf-8"))
    flows = load(folder, frozenset(codes))
    for place in range(places):
        pretend = Pretend(staff=Staff(1, 0, place, 60 * place))
        found = settle(flows, engine.begin(flows, flow="main", now=0, always_open=True), pretend, 0)
        while isinstance(found.wait, line.Keys):
            pressed = line.DigitsEntered("leg", 1, "1")
            found = settle(flows, engine.step(flows, found.visit, pressed, 0), pretend, 0)
        await _sounds(voice, found)


async def _sounds(voice: Voice, found: engine.Step) -> tuple[Path, ...]:
    sounds = []
    for step in found.steps:
        if isinstance(step, line.Pause):
            sound = await voice.pause(step.ms)
        elif isinstance(step, line.Play):
            sound = await voice.play(step.audio, step.text, step.language)
        else:
            sound = await voice.say(step.text, step.language)
        if sound is None:
            raise RuntimeError(f"no sound for {step}")
        sounds.append(sound.stem.absolute())
    return tuple(sounds)


def asterisk(folder: Path) -> Asterisk:
    """An Asterisk that is not started yet."""
    settings = {
        "ASTERISK_RTP_START": str(ASTERISK_MEDIA.start),
        "ASTERISK_RTP_END": str(ASTERISK_MEDIA.stop - 1),
    }
    return Asterisk(folder, settings=settings, sip_port=free_port(socket.SOCK_DGRAM))


def own_journey(folder: Path, menus: Sequence[Sequence[Path]], addresses: Sequence[str]) -> None:
    """Write the dialplan's own journey into the run folder, before Asterisk starts there.

    Every address becomes an endpoint of its own: app_queue takes one endpoint for one agent.
    """
    extra = folder / "extra"
    extra.mkdir(parents=True, exist_ok=True)
    (folder / "etc").mkdir(parents=True, exist_ok=True)
    (extra / "modules.conf").write_text("load = app_queue.so\n")
    (extra / "extensions.conf").write_text(_dialplan(menus))
    (extra / "pjsip.conf").write_text(
        "".join(
            f"[{user_of(address)}](desk)\naors = {user_of(address)}\n"
            f"[{user_of(address)}]\ntype = aor\ncontact = {address}\n"
            for address in addresses
        )
    )
    (folder / "etc" / "queues.conf").write_text(_QUEUE)


def user_of(address: str) -> str:
    """The user part of a SIP address."""
    return address.removeprefix("sip:").partition("@")[0]


def _dialplan(menus: Sequence[Sequence[Path]]) -> str:
    """A context for each menu; key 1 leads to the next, and from the last into the queue."""
    lines = ["[incoming](+)", f"exten => {OWN_NUMBER},1,Answer()"]
    lines.append(" same => n,Goto(own-0,s,1)")
    for number, sounds in enumerate(menus):
        after = f"own-{number + 1}" if number + 1 < len(menus) else "own-queue"
        lines += [
            f"[own-{number}]",
            "exten => s,1,Background({})".format("&".join(map(str, sounds))),
            f" same => n,WaitExten({SILENCE_S})",
            " same => n,Hangup()",
            f"exten => 1,1,Goto({after},s,1)",
        ]
    lines += ["[own-queue]", "exten => s,1,Queue(bench)", " same => n,Hangup()"]
    return "\n".join(lines) + "\n"
