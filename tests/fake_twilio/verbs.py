"""What each TwiML verb does to a call. Sources: https://www.twilio.com/docs/voice/twiml and below.

A verb returns where the call goes on, or None for the next verb of the document. It raises
``HungUp`` or ``Replaced`` when the call is interrupted, after putting its own things in order.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from tests.fake_twilio.call import Call, Fetch, HungUp, Instruction, Replaced
from tests.fake_twilio.clock import first
from tests.fake_twilio.conference import DEFAULT_MUSIC, Participant
from tests.fake_twilio.dialing import dial_parties
from tests.fake_twilio.recordings import Recording, seconds
from tests.fake_twilio.twiml import Document, Element
from tests.fake_twilio.webhooks import FetchFailed

_CALL_SID = re.compile(r"CA[0-9a-f]{32}")

#: Play with loop="0" stops after so many times.
MOST_LOOPS = 1000


def _to(call: Call, document: Document, verb: Element, more: dict[str, str]) -> Fetch:
    """The verb's action, by default the document's own URL."""
    url = document.resolve(verb.get("action")) if verb.get("action") else document.url
    if url is None:
        raise FetchFailed(11100, verb.get("action"), f"<{verb.name}> has nowhere to go")
    return Fetch(url, verb.get("method", "POST"), more)


# --- speaking ------------------------------------------------------------------------------------


async def _sound(call: Call, document: Document, verb: Element) -> float:
    """Begin one Say, Play or Pause; the answer is how long it takes, once."""
    if verb.name == "Pause":
        return float(verb.whole("length", 1))
    if verb.name == "Say":
        if not verb.text:
            return 0.0
        call.hear("say", verb.text, verb.get("language", "en-US"))
        return await call.world.length(verb, verb.text)
    if "digits" in verb.attributes:
        call.hear("dtmf", verb.get("digits"))
        return 0.5 * len(verb.get("digits"))
    if not verb.text:
        return 0.0
    url = document.resolve(verb.text)
    if url is None:
        raise FetchFailed(11100, verb.text, "<Play> of a relative URL")
    length = await call.until(call.world.length(verb, url))
    call.hear("play", url)
    return length


async def _spoken(call: Call, document: Document, verb: Element) -> None:
    loops = verb.whole("loop", 1) or MOST_LOOPS
    for _ in range(loops):
        await call.pause(await _sound(call, document, verb))


async def say_play_pause(call: Call, document: Document, verb: Element) -> Instruction | None:
    await _spoken(call, document, verb)
    return None


# --- asking --------------------------------------------------------------------------------------


async def gather(call: Call, document: Document, verb: Element) -> Instruction | None:
    """Digits. The timeout runs from the end of the prompts, and again from each key.

    Keys that were pressed before it began are lost; a key stops the prompts.
    """
    for nested in verb.nested:
        if nested.name == "Play" and nested.text:
            url = document.resolve(nested.text) or nested.text
            await call.until(call.world.length(nested, url, 13325))
    call.keys = asyncio.Queue()
    try:
        digits, finish = await _digits(call, document, verb, call.keys)
    finally:
        call.keys = None
    if not digits and not verb.flag("actionOnEmptyResult", False):
        return None
    more = {"Digits": digits, "msg": "Gather End"}
    if finish:
        more["FinishedOnKey"] = finish
    return _to(call, document, verb, more)


async def _digits(
    call: Call, document: Document, verb: Element, keys: asyncio.Queue[str]
) -> tuple[str, str]:
    """What was entered, and the key that finished it."""
    most = verb.whole("numDigits", 0)
    finish = verb.get("finishOnKey", "#")
    timeout = float(verb.whole("timeout", 5))
    key = await _prompts(call, document, verb, keys)
    digits = ""
    while True:
        if key is None:
            key = await call.next_key(timeout)
        if key is None:
            return digits, ""
        if finish and key == finish:
            return digits, key
        digits += key
        if len(digits) == most:
            return digits, ""
        key = None


async def _prompts(
    call: Call, document: Document, verb: Element, keys: asyncio.Queue[str]
) -> str | None:
    """Play the nested verbs; a key stops them and is the answer."""
    barge_in = verb.flag("bargeIn", True)
    for nested in verb.nested:
        for _ in range(nested.whole("loop", 1) or MOST_LOOPS):
            length = await _sound(call, document, nested)
            if not barge_in:
                await call.pause(length)
                continue
            key = await call.next_key(length)
            if key is not None:
                call.hear("cut", nested.text)
                return key
    if not barge_in:
        while not keys.empty():
            call.lost_keys += keys.get_nowait()
    return None


# --- recording -----------------------------------------------------------------------------------


async def record(call: Call, document: Document, verb: Element) -> Instruction | None:
    """Record the caller until a key, silence, the longest length, or the end of the call."""
    handset = call.handset
    if verb.flag("playBeep", True):
        call.hear("beep", "record")
        await call.pause(0.5)
    made = Recording(call.world.sid("RE"), call.sid, call.clock.now)
    made.trim = verb.get("trim", "trim-silence") == "trim-silence"
    call.world.recordings[made.sid] = made
    call.keys = asyncio.Queue()
    digits = ""
    try:
        _recording_told(call, document, verb, made, "in-progress")
        digits = await _listen(call, verb, made)
    except HungUp:
        digits = "hangup"
        raise
    finally:
        call.keys = None
        made.length_s = call.clock.now - made.started_at
        if handset is not None:
            made.sound = handset.spoke(made.started_at, call.clock.now)
        _recorded(call, document, verb, made)
        if digits == "hangup" and (made.sound or call.world.account.keeps_silence):
            call.farewells.append(_to(call, document, verb, _recording_params(call, made, digits)))
    if made.silent and not call.world.account.keeps_silence:
        del call.world.recordings[made.sid]
        return None
    return _to(call, document, verb, _recording_params(call, made, digits))


async def _listen(call: Call, verb: Element, made: Recording) -> str:
    """Return when the recording ends, with the key that ended it."""
    assert call.keys is not None
    finish = verb.get("finishOnKey", "1234567890*#")
    silence = verb.whole("timeout", 5)
    end = made.started_at + verb.whole("maxLength", 3600)
    while (now := call.clock.now) < end:
        wait = end - now
        quiet_since = call.handset.quiet_since(made.started_at) if call.handset else 0.0
        if silence and quiet_since is not None:
            if now >= quiet_since + silence:
                return ""
            wait = min(wait, quiet_since + silence - now)
        elif silence:
            wait = min(wait, 0.25)  # somebody speaks: look again soon
        key = await call.next_key(wait)
        if key is not None and key in finish:
            return key
    return ""


def _recording_params(call: Call, made: Recording, digits: str) -> dict[str, str]:
    return {
        "RecordingUrl": call.world.recording_url(made.sid),
        "RecordingSid": made.sid,
        "RecordingDuration": str(seconds(made.length_s)),
        "Digits": digits,
    }


def _recorded(call: Call, document: Document, verb: Element, made: Recording) -> None:
    """The file becomes available a little later, and the status callback is told."""
    world = call.world
    made.ready_at = call.clock.now + world.account.recording_delay_s
    status = "completed" if made.sound or world.account.keeps_silence else "absent"

    async def finish() -> None:
        await world.clock.sleep(world.account.recording_delay_s)
        made.status = status
        _recording_told(call, document, verb, made, status)

    world.spawn(finish())


def _recording_told(
    call: Call, document: Document, verb: Element, made: Recording, status: str
) -> None:
    events = verb.get("recordingStatusCallbackEvent", "completed").split()
    if not verb.get("recordingStatusCallback") or status not in events:
        return
    url = document.resolve(verb.get("recordingStatusCallback"))
    if url is None:
        call.report(11100, "a relative recordingStatusCallback")
        return
    params = {
        "AccountSid": call.world.account.sid,
        "CallSid": call.sid,
        "RecordingSid": made.sid,
        "RecordingUrl": call.world.recording_url(made.sid),
        "RecordingStatus": status,
        "RecordingDuration": str(made.duration if status == "completed" else -1),
        "RecordingChannels": "1",
        "RecordingStartTime": call.clock.rfc2822(made.started_at),
        "RecordingSource": "RecordVerb",
        "RecordingTrack": "inbound",
    }
    method = verb.get("recordingStatusCallbackMethod", "POST")
    call.tell(f"recording:{status}", url, method, params)


# --- going on ------------------------------------------------------------------------------------


async def redirect(call: Call, document: Document, verb: Element) -> Instruction | None:
    url = document.resolve(verb.text) if verb.text else document.url
    if url is None:
        raise FetchFailed(11100, verb.text, "<Redirect> to a relative URL")
    return Fetch(url, verb.get("method", "POST"))


async def hangup(call: Call, document: Document, verb: Element) -> Instruction | None:
    call.ended_by = "twiml"
    raise HungUp


async def reject(call: Call, document: Document, verb: Element) -> Instruction | None:
    busy = verb.get("reason", "rejected") == "busy"
    call.hear("tone", "busy" if busy else "not in service")
    call.ended_by = "rejected"
    raise HungUp


# --- connecting ----------------------------------------------------------------------------------


async def dial(call: Call, document: Document, verb: Element) -> Instruction | None:
    """Connect the call, then go on with the action, or with the next verb without one."""
    action = document.resolve(verb.get("action")) if verb.get("action") else None
    conference = next((one for one in verb.nested if one.name == "Conference"), None)
    try:
        if conference is not None:
            result = await _enter(call, document, verb, conference)
        else:
            result = await dial_parties(call, document, verb)
    except HungUp:
        if action:
            status = "answered" if conference else "completed"
            more = {"DialCallStatus": status, "DialBridged": "true"}
            call.farewells.append(Fetch(action, verb.get("method", "POST"), more))
        raise
    if action:
        return Fetch(action, verb.get("method", "POST"), result)
    return None


async def _enter(call: Call, document: Document, verb: Element, noun: Element) -> dict[str, str]:
    """Be in a conference until it ends, or somebody puts us out."""
    world = call.world
    if noun.get("coach") and not world.in_conference(noun.get("coach")):
        call.report(13240, noun.get("coach"))
        return {"DialCallStatus": "failed"}
    room = world.conference(noun.text)
    label = noun.get("participantLabel")
    if len(label) > 128 or "/" in unquote(label) or _CALL_SID.fullmatch(label):
        call.report(16023, label)
        return {"DialCallStatus": "failed"}
    if label and any(one.label == label for one in room.participants):
        call.report(16025, label)
        return {"DialCallStatus": "failed"}
    participant = Participant(
        call=call,
        conference=room,
        muted=noun.flag("muted", False),
        starts=noun.flag("startConferenceOnEnter", True),
        ends=noun.flag("endConferenceOnExit", False),
        beep=noun.get("beep", "true"),
        wait=_wait_music(document, noun),
        label=label,
        coach=noun.get("coach"),
        hangup_on_star=verb.flag("hangupOnStar", False),
    )
    room.join(participant, noun, document)
    limit = call.clock.timer(verb.whole("timeLimit", 14_400))
    try:
        await call.until(_left(participant, limit))
    except HungUp:
        room.leave(participant, "participant_hung_up")
        raise
    except Replaced:
        room.leave(participant, "participant_updated_via_api")
        raise
    finally:
        limit.cancel()
    room.leave(participant, "participant_updated_via_api")
    return {"DialCallStatus": "failed" if participant.failed else "answered"}


async def _left(participant: Participant, limit: asyncio.Future[None]) -> None:
    left = asyncio.ensure_future(participant.left.wait())
    try:
        await first(left, limit)
    finally:
        left.cancel()


def _wait_music(document: Document, noun: Element) -> Fetch | None:
    """The wait URL: Twilio's own by default, none when it is empty."""
    given = noun.attributes.get("waitUrl")
    if given is None:
        return Fetch(DEFAULT_MUSIC, "GET")
    if not given:
        return None
    url = document.resolve(given)
    if url is None:
        raise FetchFailed(11100, given, "a relative waitUrl")
    return Fetch(url, noun.get("waitMethod", "POST"))


VERBS: dict[str, Callable[[Call, Document, Element], Awaitable[Instruction | None]]] = {
    "Say": say_play_pause,
    "Play": say_play_pause,
    "Pause": say_play_pause,
    "Gather": gather,
    "Record": record,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Dial": dial,
}
