"""A Turn as TwiML: a pure function, so that a repeated webhook gets the same bytes again.

A leg that waits is in a ``<Gather>`` that plays music; a leg that talks is in a ``<Conference>``.
Every other document ends in an address of ours that names the leg and the ``rev``. Why there is no
``<Enqueue>``: docs/decisions/0007-twilio-waits-in-a-loop-of-ours.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape, quoteattr

import msgspec

from callcenter.line import (
    Gone,
    Keys,
    Music,
    Pause,
    Play,
    PromptsEnd,
    Recording,
    Room,
    Say,
    Step,
    Turn,
)
from callcenter.telephony.twilio.addresses import MESSAGE, Addresses
from callcenter.telephony.twilio.sounds import MOST_MUSIC_S

#: What a conference tells us.
ROOM_EVENTS = "start end join leave mute hold"
#: Our rooms among the conferences of an account.
ROOM_PREFIX = "callcenter-"
#: Music without an end is asked for anew after so many rounds of the tune.
MUSIC_ROUNDS = 5
#: Twilio's longest text for one ``<Say>``, and pause, in seconds.
MOST_TEXT, MOST_PAUSE_S = 4096, 30
#: A leg that is up and has no Turn asks again after so many seconds.
HOLD_S = 5
#: The longest message that is left while we are away, and the silence that ends it, in seconds.
MESSAGE_S, MESSAGE_SILENCE_S = 180, 5

APOLOGY = {
    "id": "Mohon maaf, layanan kami sedang mengalami gangguan. Mohon tunggu sebentar.",
    "en": "We are sorry, our service has a fault just now. Please hold the line.",
}
LEAVE_MESSAGE = {
    "id": (
        "Mohon maaf, layanan kami sedang terganggu. Silakan tinggalkan pesan setelah nada: nama,"
        " nomor telepon, dan keluhan Anda. Tekan pagar bila selesai."
    ),
    "en": (
        "We are sorry, our service has a fault. Please leave a message after the tone: your name,"
        " your telephone number and your complaint. Press hash when you are done."
    ),
}
THANKS = {
    "id": "Terima kasih. Pesan Anda kami terima.",
    "en": "Thank you. We have your message.",
}


class Speech(msgspec.Struct, frozen=True):
    """How a language is spoken: Twilio's name of it, and of the voice (``""``: the usual one)."""

    language: str
    voice: str = ""


SPEECH = {"id": Speech("id-ID", "Google.id-ID-Standard-A"), "en": Speech("en-US")}


def document(*verbs: str) -> bytes:
    """A whole answer."""
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'.encode()


def _element(name: str, text: str = "", /, **attributes: str | int | bool | None) -> str:
    """``text`` is markup already; an attribute that is None is left out."""
    given = "".join(
        f" {key}={quoteattr(str(value).lower() if isinstance(value, bool) else str(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{text}</{name}>" if text else f"<{name}{given}/>"


def clean(text: str) -> str:
    """``text`` without what XML or a voice can't take, on one line."""
    spoken = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(spoken.split())[:MOST_TEXT]


def _whole_s(ms: int) -> int:
    """Milliseconds in whole seconds, rounded up, at least one."""
    return max(1, -(-ms // 1000))


class Twiml:
    """Makes documents.

    ``speech``: by language; one that is not there is not spoken. ``recorded``: the file name of a
    recorded prompt, None where it is missing.
    """

    def __init__(
        self,
        addresses: Addresses,
        *,
        speech: Mapping[str, Speech] | None = None,
        recorded: Callable[[str], str | None] = lambda _audio: None,
    ) -> None:
        self._addresses = addresses
        self._speech = SPEECH if speech is None else speech
        self._recorded = recorded

    # --- a Turn -------------------------------------------------------------------------------

    def turn(self, turn: Turn) -> bytes:
        """What ``turn`` says and waits for."""
        steps = self._steps(turn.steps)
        match turn.wait:
            case Keys():
                return document(*self._keys(turn, turn.wait, steps))
            case PromptsEnd():
                return document(*self._prompts(turn, turn.wait, steps))
            case Recording():
                return document(*steps, *self._recording(turn, turn.wait))
            case Music():
                return document(*self._music(turn, turn.wait, steps))
            case Room():
                return document(*steps, self._room(turn, turn.wait))
            case Gone():
                return document(*steps, _element("Hangup"))

    def music_again(self, turn: Turn) -> bytes:
        """The music of ``turn`` goes on: a key that does not count was pressed, or the file is
        over."""
        assert isinstance(turn.wait, Music)
        return document(*self._music(turn, turn.wait, []))

    def _keys(self, turn: Turn, wait: Keys, steps: list[str]) -> list[str]:
        gather = _element(
            "Gather",
            "".join(steps) if wait.barge_in else "",
            input="dtmf",
            numDigits=wait.most,
            # One time serves the first key and the time between keys: nobody is cut off.
            timeout=_whole_s(max(wait.first_ms, wait.inter_ms if wait.most > 1 else 0)),
            finishOnKey=wait.finish[:1],
            actionOnEmptyResult=True,
            action=self._addresses.of_leg(turn.leg, "keys", turn.rev),
            method="POST",
        )
        return [gather] if wait.barge_in else [*steps, gather]

    def _prompts(self, turn: Turn, wait: PromptsEnd, steps: list[str]) -> list[str]:
        ended = self._addresses.of_leg(turn.leg, "ended", turn.rev)
        if not wait.barge_in or not steps:
            return [*steps, self._redirect(ended)]
        return [
            _element(
                "Gather",
                "".join(steps),
                input="dtmf",
                numDigits=1,
                timeout=1,
                finishOnKey="",
                actionOnEmptyResult=True,
                action=ended,
                method="POST",
            )
        ]

    def _recording(self, turn: Turn, wait: Recording) -> list[str]:
        of_leg = self._addresses.of_leg
        # A recording no longer than the silence that ends it holds nothing else.
        quiet = {"quiet": wait.silence_s} if wait.silence_s else {}
        record = _element(
            "Record",
            action=of_leg(turn.leg, "recorded", turn.rev, name=wait.name, **quiet),
            method="POST",
            maxLength=max(2, wait.most_s),
            timeout=wait.silence_s or wait.most_s,
            finishOnKey=wait.finish,
            playBeep=wait.beep,
            recordingStatusCallback=of_leg(turn.leg, "recording", turn.rev, name=wait.name),
            recordingStatusCallbackMethod="POST",
            recordingStatusCallbackEvent="completed absent",
        )
        # Only reached when nothing was said: then the action is not asked.
        return [record, self._redirect(of_leg(turn.leg, "recorded", turn.rev, name=wait.name))]

    def _music(self, turn: Turn, wait: Music, steps: list[str]) -> list[str]:
        """Until a key that counts, the given time, or, without one, until we are asked again."""
        endless = wait.seconds is None
        where = self._addresses.of_leg(
            turn.leg, "music", turn.rev, **({} if endless else {"over": 1})
        )
        # The gather waits one more second after the file.
        length = 0 if wait.seconds is None else wait.seconds - (1 if wait.keys else 0)
        sound = self._play_music(None if endless else length)
        if not wait.keys:
            return [*steps, *sound, self._redirect(where)]
        gather = _element(
            "Gather",
            "".join([*steps, *sound]),
            input="dtmf",
            numDigits=1,
            timeout=1,
            finishOnKey="",
            actionOnEmptyResult=True,
            action=where,
            method="POST",
        )
        return [gather]

    def _play_music(self, seconds: int | None) -> list[str]:
        if seconds is None:
            return [_element("Play", escape(self.music_address()), loop=MUSIC_ROUNDS)]
        whole, rest = divmod(max(0, seconds), MOST_MUSIC_S)
        plays = []
        if whole:
            long = escape(self._addresses.sound(f"music-{MOST_MUSIC_S}.wav"))
            plays.append(_element("Play", long, loop=whole))
        if rest:
            plays.append(_element("Play", escape(self._addresses.sound(f"music-{rest}.wav"))))
        return plays

    def music_address(self) -> str:
        """The whole tune."""
        return self._addresses.sound("music.wav")

    def _room(self, turn: Turn, wait: Room) -> str:
        conference = _element(
            "Conference",
            escape(ROOM_PREFIX + wait.room),
            beep="false",
            muted=True if wait.muted else None,
            startConferenceOnEnter=True,
            endConferenceOnExit=False,
            waitUrl="",
            # The first to come decides who is told; each one says by this label who it is.
            participantLabel=label(turn),
            statusCallback=self._addresses.of("rooms"),
            statusCallbackMethod="POST",
            statusCallbackEvent=ROOM_EVENTS,
        )
        action = self._addresses.of_leg(turn.leg, "left", turn.rev)
        return _element("Dial", conference, action=action, method="POST")

    # --- steps --------------------------------------------------------------------------------

    def _steps(self, steps: tuple[Step, ...]) -> list[str]:
        return [made for step in steps if (made := self._step(step))]

    def _step(self, step: Step) -> str:
        match step:
            case Pause():
                return self._pause(step)
            case Play():
                name = self._recorded(step.audio)
                if name is not None:
                    return _element("Play", escape(self._addresses.sound(name)))
                return self._say(step.text, step.language)
            case Say():
                return self._say(step.text, step.language)

    def _pause(self, step: Pause) -> str:
        """Whole seconds, rather shorter than longer; less than half of one is no pause."""
        if step.ms < 500:
            return ""
        return _element("Pause", length=min(MOST_PAUSE_S, max(1, step.ms // 1000)))

    def _say(self, text: str, language: str) -> str:
        speech, text = self._speech.get(language), clean(text)
        if speech is None or not text:
            return ""
        voice = speech.voice or None
        return _element("Say", escape(text), language=speech.language, voice=voice)

    def _redirect(self, address: str) -> str:
        return _element("Redirect", escape(address), method="POST")

    # --- without a Turn -----------------------------------------------------------------------

    def redirect(self, address: str) -> bytes:
        """Ask there."""
        return document(self._redirect(address))

    def silence(self, address: str, seconds: int = HOLD_S) -> bytes:
        """Say nothing for so long, then ask there."""
        return document(_element("Pause", length=seconds), self._redirect(address))

    def hang_up(self) -> bytes:
        """The end."""
        return document(_element("Hangup"))

    def nothing(self) -> bytes:
        """For what needs no answer."""
        return document()

    def apology(self, address: str) -> bytes:
        """We have a fault; after a while ask there again."""
        said = [self._say(APOLOGY[language], language) for language in ("id", "en")]
        pause = _element("Pause", length=HOLD_S)
        return document(*said, pause, self._redirect(address))

    def take_message(self) -> bytes:
        """We have a fault; leave a message."""
        said = [self._say(LEAVE_MESSAGE[language], language) for language in ("id", "en")]
        record = _element(
            "Record",
            action=self._addresses.of("thanks"),
            method="POST",
            maxLength=MESSAGE_S,
            timeout=MESSAGE_SILENCE_S,
            finishOnKey="#",
            playBeep=True,
            recordingStatusCallback=self._addresses.of(MESSAGE),
            recordingStatusCallbackMethod="POST",
        )
        return document(*said, record, _element("Hangup"))

    def thanks(self) -> bytes:
        """The message was taken."""
        said = [self._say(THANKS[language], language) for language in ("id", "en")]
        return document(*said, _element("Hangup"))


def label(turn: Turn) -> str:
    """How a leg is called in a conference: it says which Turn brought it there."""
    return f"{turn.leg}.{turn.rev}"


def read_label(text: str) -> tuple[str, int] | None:
    """The leg and the ``rev`` of a :func:`label`; None when it is none of ours."""
    leg, _, rev = text.rpartition(".")
    return (leg, int(rev)) if leg and rev.isascii() and rev.isdigit() else None
