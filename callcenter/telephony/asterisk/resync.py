"""After a (re)connect: what exists in Asterisk, and what of it is ours.

Events that happened while we were away are lost, so nothing we remember counts until it has been
compared. Channels outlive our process: callers still in the IVR or in a room are taken over.
"""

from __future__ import annotations

import msgspec

from callcenter.telephony.asterisk.ari import Ari
from callcenter.telephony.asterisk.events import (
    Application,
    AsteriskInfo,
    Bridge,
    Channel,
    StoredRecording,
)
from callcenter.telephony.asterisk.words import agent_of, called_number, caller_number

#: Names of messages that the dialplan recorded: ``fallback-<seconds>-<count>``, from the channel's
#: unique id, so the name says when and nothing about whom; of one whom we called it is
#: ``fallback-<seconds>-<leg>``.
MESSAGE = "fallback-"


class Found(msgspec.Struct, frozen=True):
    """A channel that is ours. ``called``: a citizen whom we called; ``net``: the dialplan's net is
    under it; ``away``: in the net, which will give it back; ``softphone_of``: the agent whose
    browser it is."""

    leg: str
    up: bool
    inbound: bool
    called: bool
    net: bool
    away: bool
    to: str
    caller: str | None
    bridge: str | None
    softphone_of: str | None = None


class Survey(msgspec.Struct, frozen=True):
    """What exists. ``rooms``: our bridges but the one with the music."""

    startup_time: str
    legs: tuple[Found, ...]
    rooms: frozenset[str]


async def survey(ari: Ari, app: str, music: str) -> Survey:
    """Look at everything.

    Raises:
        AriRefused, AriAway
    """
    info = await ari.get("/asterisk/info", AsteriskInfo)
    application = await ari.get(f"/applications/{app}", Application)
    channels = await ari.get("/channels", list[Channel])
    bridges = await ari.get("/bridges", list[Bridge])
    return Survey(
        info.status.startup_time,
        legs_of(channels, bridges, frozenset(application.channel_ids), app),
        frozenset(bridge.id for bridge in bridges if bridge.name == app and bridge.id != music),
    )


def legs_of(
    channels: list[Channel], bridges: list[Bridge], held: frozenset[str], app: str
) -> tuple[Found, ...]:
    """Which ``channels`` are ours: those that the application ``held`` when we came, those in its
    Stasis, and citizens whom the dialplan is about to give back."""
    bridge_of = {channel: bridge.id for bridge in bridges for channel in bridge.channels}
    found = []
    for channel in channels:
        to = channel.channelvars.get("CC_TO", "")
        called = channel.channelvars.get("CC_CALLED", "")
        net = bool(to) or called == "answered"
        stasis = channel.dialplan.app_name == "Stasis"
        inside = stasis and _names(channel.dialplan.app_data, app)
        inside = inside or (channel.id in held and not net)
        away = net and not stasis
        if channel.channelvars.get("CC_NET") == "message" or not (inside or away):
            continue  # leaving its message: it ends after that
        found.append(
            Found(
                leg=channel.id,
                up=channel.up,
                inbound=bool(to),
                called=bool(called),
                net=net,
                away=away,
                to=called_number(to),
                caller=caller_number(channel.caller.number) if to else None,
                bridge=bridge_of.get(channel.id),
                softphone_of=agent_of(channel.name.removeprefix("PJSIP/").rsplit("-", 1)[0]),
            )
        )
    return tuple(found)


def _names(app_data: str, app: str) -> bool:
    return app_data.split(",", maxsplit=1)[0] == app


def messages_of(
    recordings: list[StoredRecording], channels: list[Channel]
) -> list[tuple[str, int]]:
    """Messages that the dialplan took and that are complete: name, and when it began (UTC ms).

    One whose channel still exists is being spoken.
    """
    speaking = {channel.id.replace(".", "-") for channel in channels}
    found = []
    for recording in recordings:
        channel = recording.name.removeprefix(MESSAGE)
        seconds, _, leg = channel.partition("-")
        if not recording.name.startswith(MESSAGE) or {channel, leg} & speaking:
            continue
        found.append((recording.name, int(seconds) * 1000 if seconds.isdigit() else 0))
    return found
