"""A Turn as TwiML, read by the fake Twilio, which knows what Twilio would complain about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    Wait,
)
from callcenter.telephony.twilio.addresses import Addresses
from callcenter.telephony.twilio.twiml import MOST_TEXT, Twiml, label, read_label
from tests.fake_twilio.twiml import Document, Element, parse

BASE = "https://hotline.example"
LEG = "CA" + "1" * 32
SAID = Say("Halo & selamat <datang>.", "id")


def recorded(audio: str) -> str | None:
    return "ab.wav" if audio == "welcome" else None


TWIML = Twiml(Addresses(BASE), recorded=recorded)


def read(document: bytes) -> Document:
    complaints: list[tuple[int, str]] = []
    made = parse(document, lambda code, detail: complaints.append((code, detail)), BASE)
    assert complaints == []
    return made


def verbs(wait: Wait, *steps: Step, rev: int = 7) -> tuple[Element, ...]:
    turn = Turn(LEG, rev, steps, wait)
    document = TWIML.turn(turn)
    assert TWIML.turn(turn) == document
    return read(document).verbs


def names(elements: tuple[Element, ...]) -> list[str]:
    return [element.name for element in elements]


def test_keys_are_asked_for_with_the_prompt_inside() -> None:
    (gather,) = verbs(Keys(most=4, first_ms=6500, inter_ms=3000, finish="#"), SAID)
    assert names(gather.nested) == ["Say"]
    assert gather.nested[0].text == "Halo & selamat <datang>."
    assert gather.nested[0].get("language") == "id-ID"
    assert gather.get("action") == f"{BASE}/twilio/legs/{LEG}/keys?rev=7"
    assert {name: gather.get(name) for name in ("numDigits", "timeout", "finishOnKey")} == {
        "numDigits": "4",
        "timeout": "7",
        "finishOnKey": "#",
    }
    assert gather.flag("actionOnEmptyResult", False)


def test_without_barge_in_the_prompt_is_first() -> None:
    assert names(verbs(Keys(most=1, barge_in=False), SAID)) == ["Say", "Gather"]


def test_one_key_needs_no_time_between_keys() -> None:
    (gather,) = verbs(Keys(most=1, first_ms=1000, inter_ms=9000))
    assert gather.get("timeout") == "1"


def test_recorded_prompts_are_played_and_missing_ones_spoken() -> None:
    (gather,) = verbs(Keys(most=1), Play("welcome", "Halo", "id"), Play("none", "Ada", "en"))
    assert names(gather.nested) == ["Play", "Say"]
    assert gather.nested[0].text == f"{BASE}/twilio/sounds/ab.wav"
    assert gather.nested[1].get("language") == "en-US"


def test_the_prompts_end() -> None:
    (gather,) = verbs(PromptsEnd(), SAID)
    assert gather.get("timeout") == "1"
    assert names(verbs(PromptsEnd())) == ["Redirect"]
    assert names(verbs(PromptsEnd(barge_in=False), SAID)) == ["Say", "Redirect"]


def test_a_recording_says_its_name_and_what_comes_when_nothing_was_said() -> None:
    said, record, redirect = verbs(Recording("call-3", most_s=1, silence_s=4), SAID)
    assert (said.name, record.get("maxLength"), record.get("timeout")) == ("Say", "2", "4")
    address = f"{BASE}/twilio/legs/{LEG}/recorded?rev=7&name=call-3"
    assert record.get("action") == f"{address}&quiet=4"
    assert redirect.text == address
    assert record.get("recordingStatusCallback").endswith("/recording?rev=7&name=call-3")


def test_music_until_a_key_or_a_time() -> None:
    (gather,) = verbs(Music(seconds=30, keys="1"), SAID)
    assert names(gather.nested) == ["Say", "Play"]
    assert gather.nested[1].text.endswith("/music-29.wav")  # and one second of the gather's own
    assert gather.get("action").endswith("/music?rev=7&over=1")
    play, redirect = verbs(Music(seconds=30))
    assert (play.name, redirect.name) == ("Play", "Redirect")
    assert play.text.endswith("/music-30.wav")


def test_music_without_an_end_asks_again_now_and_then() -> None:
    (gather,) = verbs(Music(keys="12"))
    assert gather.get("action").endswith("/music?rev=7")
    assert int(gather.nested[0].get("loop")) > 1
    assert names(verbs(Music())) == ["Play", "Redirect"]


@pytest.mark.parametrize("seconds", [1, 2, 119, 120, 121, 400])
def test_music_of_any_length_is_there(seconds: int) -> None:
    plays = [verb for verb in verbs(Music(seconds=seconds)) if verb.name == "Play"]
    whole = sum(
        int(play.text.rpartition("-")[2].removesuffix(".wav")) * play.whole("loop", 1)
        for play in plays
    )
    assert whole == seconds


def test_music_goes_on_without_the_prompt() -> None:
    again = read(TWIML.music_again(Turn(LEG, 7, (SAID,), Music(seconds=30, keys="1"))))
    assert names(again.verbs[0].nested) == ["Play"]


def test_a_room_outlives_whoever_leaves_it() -> None:
    turn = Turn(LEG, 7, (SAID,), Room("room-1", muted=True))
    said, dial = read(TWIML.turn(turn)).verbs
    (conference,) = dial.nested
    assert said.name == "Say"
    assert conference.text == "callcenter-room-1"
    assert not conference.flag("endConferenceOnExit", True)
    assert conference.get("beep") == "false"
    assert conference.flag("muted", False)
    assert read_label(conference.get("participantLabel")) == (LEG, 7)
    assert conference.attributes["waitUrl"] == ""
    assert dial.get("action").endswith("/left?rev=7")


def test_the_end() -> None:
    assert names(verbs(Gone(), SAID)) == ["Say", "Hangup"]


def test_pauses_are_rather_short() -> None:
    steps = [Pause(ms) for ms in (100, 499, 500, 1500, 2999, 90_000)]
    *pauses, _ = verbs(Gone(), *steps)
    assert [pause.get("length") for pause in pauses] == ["1", "1", "2", "30"]


@pytest.mark.parametrize(
    "text", ["x" * (MOST_TEXT + 1), "a\x00b\x1b[0m\ud800\ufffec", "  ", "&<>\"'"]
)
def test_text_that_twilio_would_not_take(text: str) -> None:
    for verb in verbs(Gone(), Say(text, "id")):
        assert len(verb.text) <= MOST_TEXT


def test_a_language_that_nobody_speaks_is_left_out() -> None:
    assert names(verbs(Gone(), Say("x", "xx"))) == ["Hangup"]


def test_what_is_said_without_a_turn() -> None:
    for document in (
        TWIML.apology(f"{BASE}/twilio/voice"),
        TWIML.take_message(),
        TWIML.thanks(),
        TWIML.silence(f"{BASE}/x"),
        TWIML.redirect(f"{BASE}/x?a=1&b=2"),
        TWIML.hang_up(),
        TWIML.nothing(),
    ):
        read(document)
    assert read(TWIML.redirect(f"{BASE}/x?a=1&b=2")).verbs[0].text == f"{BASE}/x?a=1&b=2"


steps = st.one_of(
    st.builds(Say, st.text(max_size=40), st.sampled_from(["id", "en", "xx"])),
    st.builds(Play, st.sampled_from(["welcome", "none"]), st.text(max_size=40), st.just("id")),
    st.builds(Pause, st.integers(0, 60_000)),
)
waits = st.one_of(
    st.builds(
        Keys,
        most=st.integers(1, 20),
        first_ms=st.integers(0, 60_000),
        inter_ms=st.integers(0, 60_000),
        finish=st.sampled_from(["", "#", "*", "*#"]),
        barge_in=st.booleans(),
    ),
    st.builds(PromptsEnd, barge_in=st.booleans()),
    st.builds(
        Recording,
        name=st.just("call-1"),
        most_s=st.integers(1, 600),
        silence_s=st.integers(0, 60),
        beep=st.booleans(),
    ),
    st.builds(
        Music,
        seconds=st.one_of(st.none(), st.integers(1, 900)),
        keys=st.sampled_from(["", "1", "12*#"]),
    ),
    st.builds(Room, st.just("room-1"), held=st.booleans(), muted=st.booleans()),
    st.builds(Gone),
)


@given(st.lists(steps, max_size=6), waits, st.integers(1, 10**6))
def test_no_turn_is_anything_that_twilio_complains_about(
    said: list[Step], wait: Wait, rev: int
) -> None:
    verbs(wait, *said, rev=rev)


@given(st.text(max_size=40))
def test_a_label_is_ours_or_none(text: str) -> None:
    found = read_label(text)
    if found is not None:
        assert label(Turn(found[0], found[1], (), Gone())).partition("/")[0] in text
