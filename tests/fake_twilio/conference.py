"""Conferences: who is in which room, who hears whom, and what is told about it.

Source: https://www.twilio.com/docs/voice/twiml/conference and the Conference and Participant
resources. A conference starts with two participants of whom one starts it; until then each hears
the wait music. It ends when the last one leaves, or one who ends it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fake_twilio.call import Call, Fetch
from tests.fake_twilio.twiml import AUDIO, WAITING, BadDocument, Document, Element, parse
from tests.fake_twilio.webhooks import FetchFailed

if TYPE_CHECKING:
    from tests.fake_twilio.world import World

DEFAULT_MUSIC = "https://s3.amazonaws.com/com.twilio.sounds.music/index.xml"


@dataclass
class Participant:
    """A call in a conference."""

    call: Call
    conference: Conference
    muted: bool
    starts: bool
    ends: bool
    beep: str
    wait: Fetch | None
    label: str = ""
    coach: str = ""
    hold: bool = False
    hangup_on_star: bool = False
    joined_at: float = 0.0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    failed: FetchFailed | BadDocument | None = None
    music: asyncio.Task[None] | None = None

    def key(self, key: str) -> None:
        if key == "*" and self.hangup_on_star:
            self.conference.leave(self, "participant_hung_up")
        else:
            self.call.lost_keys += key

    @property
    def hears_music(self) -> bool:
        return self.hold or self.conference.status == "init"


class Conference:
    """``status``: init (nobody is connected yet), in-progress, completed."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.sid = world.sid("CF")
        self.name = name
        self.status = "init"
        self.created_at = world.clock.now
        self.participants: list[Participant] = []
        self.reason_ended: str | None = None
        self.ending_call: str | None = None
        self.callback_url = ""
        self.callback_method = "POST"
        self.events: frozenset[str] = frozenset()
        self._sequence = 0
        self._in_order = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<room {self.name} {self.status} {[p.call for p in self.participants]}>"

    # --- coming and going --------------------------------------------------------------------

    def join(self, participant: Participant, noun: Element, document: Document) -> None:
        """A call comes in. The first one sets the conference's status callback."""
        if not self.participants:
            url = document.resolve(noun.get("statusCallback")) if noun.get("statusCallback") else ""
            self.callback_url = url or ""
            self.callback_method = noun.get("statusCallbackMethod", "POST")
            self.events = frozenset(noun.get("statusCallbackEvent").split())
        participant.joined_at = self.world.clock.now
        self.participants.append(participant)
        participant.call.participant = participant
        self._told("join", "participant-join", participant)
        if self.status == "in-progress" and participant.beep in ("true", "onEnter"):
            self._beep()
        if (
            self.status == "init"
            and len(self.participants) > 1
            and any(one.starts for one in self.participants)
        ):
            self.status = "in-progress"
            self._told("start", "conference-start")
            if participant.beep in ("true", "onEnter"):
                self._beep()
        for one in self.participants:
            self.sound(one)

    def leave(self, participant: Participant, reason: str) -> None:
        """A call is out: it hung up, or was moved, or the room ended."""
        if participant.left.is_set():
            return
        self.participants.remove(participant)
        participant.call.participant = None
        self._silence(participant)
        self._told("leave", "participant-leave", participant, reason)
        participant.left.set()
        if self.status == "completed":
            return
        if participant.ends:
            self.end("participant-with-end-conference-on-exit-left", participant.call)
        elif not self.participants:
            self.end("last-participant-left", participant.call)
        elif participant.beep in ("true", "onExit"):
            self._beep()

    def end(self, reason: str, by: Call | None = None) -> None:
        """The room is gone; everybody in it goes on with their TwiML."""
        if self.status == "completed":
            return
        self.status = "completed"
        self.reason_ended = reason
        self.ending_call = by.sid if by else None
        why = "conference_ended_via_api" if "api" in reason else "moderator_ended_conference"
        for participant in list(self.participants):
            self.leave(participant, why)
        self._told("end", "conference-end")

    def update(self, participant: Participant, muted: bool | None, hold: bool | None) -> None:
        """What the Participant resource changes."""
        if muted is not None and muted != participant.muted:
            participant.muted = muted
            self._told("mute", f"participant-{'mute' if muted else 'unmute'}", participant)
        if hold is not None and hold != participant.hold:
            participant.hold = hold
            self._told("hold", f"participant-{'hold' if hold else 'unhold'}", participant)
            self.sound(participant)

    # --- what is heard -----------------------------------------------------------------------

    def hears(self, listener: Call) -> set[Call]:
        """The calls whose voices ``listener`` hears now."""
        me = listener.participant
        if me is None or self.status != "in-progress" or me.hears_music:
            return set()
        return {
            one.call
            for one in self.participants
            if one is not me
            and not one.muted
            and not one.hold
            and (not one.coach or one.coach == listener.sid)
        }

    def _beep(self) -> None:
        for one in self.participants:
            if not one.hears_music:
                one.call.hear("beep", "conference")

    def sound(self, participant: Participant) -> None:
        """Music for who waits, the others for who does not."""
        if not participant.hears_music:
            if participant.music is not None:
                self._silence(participant)
            return
        if participant.music is None:
            participant.music = asyncio.create_task(self._music(participant))

    def _silence(self, participant: Participant) -> None:
        if participant.music is not None:
            participant.music.cancel()
            participant.music = None

    async def _music(self, participant: Participant) -> None:
        """Perform the wait URL; when that fails the call drops out of the conference."""
        call, fetch = participant.call, participant.wait
        if fetch is None:
            return
        if fetch.url == DEFAULT_MUSIC:
            call.hear("music", "default")
            return
        try:
            while fetch is not None:
                fetch = await self._waiting(call, fetch)
        except (FetchFailed, BadDocument) as failed:
            injected = isinstance(failed, FetchFailed) and failed.injected
            call.report(failed.code, str(failed), fetch.url if fetch else None, injected)
            participant.failed = failed
            participant.music = None
            self.leave(participant, "participant_add_failed")

    async def _waiting(self, call: Call, fetch: Fetch) -> Fetch | None:
        """Perform one waiting document; the answer is what it redirects to."""
        sender = self.world.sender
        hook = sender.hook("wait", fetch.url, fetch.method, call.parameters(), call.sid)
        reply = await sender.send(hook)
        if reply.content_type in AUDIO:
            call.hear("play", reply.url)
            return None
        document = parse(reply.body, lambda c, d: call.report(c, d, fetch.url), fetch.url)
        for verb in document.verbs:
            if verb.name not in WAITING:
                raise BadDocument(13238, f"<{verb.name}> in a waiting document")
        for verb in document.verbs:
            if verb.name == "Redirect":
                url = document.resolve(verb.text) or fetch.url
                return Fetch(url, verb.get("method", "POST"))
            if verb.name == "Pause":
                await self.world.clock.sleep(verb.whole("length", 1))
                continue
            what = verb.text if verb.name == "Say" else document.resolve(verb.text) or verb.text
            call.hear(verb.name.lower(), what, verb.get("language", "en-US"))
            await self.world.clock.sleep(await self.world.length(verb, what))
        return None

    # --- what is told ------------------------------------------------------------------------

    def _told(
        self, kind: str, event: str, who: Participant | None = None, reason: str = ""
    ) -> None:
        self._sequence += 1
        if not self.callback_url or kind not in self.events:
            return
        params = {
            "ConferenceSid": self.sid,
            "FriendlyName": self.name,
            "AccountSid": self.world.account.sid,
            "SequenceNumber": str(self._sequence),
            "Timestamp": self.world.clock.rfc2822(),
            "StatusCallbackEvent": event,
        }
        if who is not None:
            params |= {
                "CallSid": who.call.sid,
                "Muted": _flag(who.muted),
                "Hold": _flag(who.hold),
                "Coaching": _flag(bool(who.coach)),
                "EndConferenceOnExit": _flag(who.ends),
                "StartConferenceOnEnter": _flag(who.starts),
            }
            if who.label:
                params["ParticipantLabel"] = who.label
        if reason and who is not None:
            params["ReasonParticipantLeft"] = reason
            params["ParticipantCallStatus"] = (
                "completed" if reason == "participant_hung_up" else who.call.status
            )
        if event == "conference-end":
            params["ReasonConferenceEnded"] = self.reason_ended or ""
            params["Reason"] = (self.reason_ended or "").replace("-", " ")
            if self.ending_call:
                params["CallSidEndingConference"] = self.ending_call
        self.world.tell(
            f"conference:{event}",
            self.callback_url,
            self.callback_method,
            params,
            who.call.sid if who else None,
            self._in_order,
        )


def _flag(value: bool) -> str:
    return "true" if value else "false"
