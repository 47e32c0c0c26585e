"""The verbs do what their pages in Twilio's documentation say.

A test names the page it is taken from: https://www.twilio.com/docs/voice/twiml/<page>.
"""

from __future__ import annotations

import io
import struct
import wave

import pytest

from tests.fake_twilio import FakeTwilio, Handset
from tests.fake_twilio.site import Answer, Site, connect

NUMBER = "+622150630"
CALLER = "+628111000111"


async def call(twilio: FakeTwilio, site: Site, voice: Answer, **more: Answer) -> Handset:
    """A caller who hears ``voice``."""
    connect(twilio, site, voice=voice, **more)
    caller = twilio.phone(CALLER)
    await caller.dial(NUMBER)
    return caller


def what(caller: Handset) -> list[str]:
    return [heard.what for heard in caller.heard]


# --- gather --------------------------------------------------------------------------------------


async def test_gather_submits_digits_without_the_finish_key(twilio: FakeTwilio, site: Site) -> None:
    """gather: finishOnKey, example 1."""
    voice = '<Gather action="/next"><Say>Number?</Say></Gather>'
    caller = await call(twilio, site, voice, next="")
    await caller.press("1234#")
    asked = site.last("/next")
    assert (asked["Digits"], asked["CallStatus"], asked["From"]) == ("1234", "in-progress", CALLER)
    assert site.paths() == ["/voice", "/next", "/status"]
    assert site.last("/status")["CallStatus"] == "completed"
    assert twilio.problems == []


NOTHING = "<Gather><Say>Please enter</Say></Gather><Say>We didn't receive any input.</Say>"


async def test_gather_without_input_goes_on_with_the_next_verb(
    twilio: FakeTwilio, site: Site
) -> None:
    """gather: action, example 1, scenario 1; the timeout runs from the end of the prompt."""
    caller = await call(twilio, site, NOTHING)
    await twilio.clock.advance(5.5)
    assert not caller.said("receive")
    await twilio.clock.advance(1)
    assert caller.said("receive")
    await twilio.clock.advance(10)
    assert site.paths() == ["/voice", "/status"]


async def test_the_finish_key_alone_is_no_input(twilio: FakeTwilio, site: Site) -> None:
    """gather: action, example 1, scenario 1: "or enters # before entering any other digits"."""
    caller = await call(twilio, site, NOTHING)
    await caller.press("#")
    assert caller.said("receive")


async def test_gather_without_an_action_asks_its_own_document_again(
    twilio: FakeTwilio, site: Site
) -> None:
    """gather: action, example 1, scenario 3: the caller is stuck in a loop."""
    caller = await call(twilio, site, NOTHING)
    await caller.press("12345#")
    assert site.paths() == ["/voice", "/voice"]
    assert site.last("/voice")["Digits"] == "12345"


async def test_a_key_stops_the_prompt_and_starts_the_timeout(
    twilio: FakeTwilio, site: Site
) -> None:
    """gather: nesting: the timeout begins after the audio or with the first key."""
    voice = f'<Gather action="/next" timeout="3"><Say>{"long " * 100}</Say></Gather>'
    caller = await call(twilio, site, voice, next="")
    await twilio.clock.advance(1)
    await caller.press("7")
    assert caller.heard[-1].kind == "cut"
    await twilio.clock.advance(2.9)
    assert site.paths() == ["/voice"]
    await twilio.clock.advance(0.2)
    assert site.last("/next")["Digits"] == "7"


async def test_each_key_starts_the_timeout_again(twilio: FakeTwilio, site: Site) -> None:
    """gather: timeout: "This includes either pressing another digit"."""
    caller = await call(twilio, site, '<Gather action="/next" timeout="3"/>', next="")
    for key in "123":
        await twilio.clock.advance(2)
        await caller.press(key)
    await twilio.clock.advance(3)
    assert site.last("/next")["Digits"] == "123"


async def test_num_digits_submits_at_once(twilio: FakeTwilio, site: Site) -> None:
    """gather: numDigits: the ZIP code."""
    caller = await call(twilio, site, '<Gather action="/next" numDigits="5"/>', next="")
    await caller.press("94117")
    assert site.last("/next")["Digits"] == "94117"


async def test_an_empty_finish_key_captures_all(twilio: FakeTwilio, site: Site) -> None:
    """gather: finishOnKey: an empty string."""
    caller = await call(twilio, site, '<Gather action="/next" finishOnKey=""/>', next="")
    await caller.press("12#*")
    await twilio.clock.advance(5)
    assert site.last("/next")["Digits"] == "12#*"


async def test_action_on_empty_result_asks_the_action(twilio: FakeTwilio, site: Site) -> None:
    """gather: actionOnEmptyResult, example 2."""
    voice = '<Gather actionOnEmptyResult="true" action="/next"/><Say>never</Say>'
    caller = await call(twilio, site, voice, next="")
    await twilio.clock.advance(5)
    assert site.last("/next")["Digits"] == ""
    assert not caller.said("never")


async def test_the_action_is_requested_by_its_method(twilio: FakeTwilio, site: Site) -> None:
    """gather: action and method, example 2."""
    voice = '<Gather action="/next?who=me" method="GET" numDigits="1"/>'
    caller = await call(twilio, site, voice, next="")
    await caller.press("1")
    visit = site.of("/next")[0]
    assert (visit.method, visit.params["who"], visit.params["Digits"]) == ("GET", "me", "1")


async def test_keys_before_gather_begins_are_lost(twilio: FakeTwilio, site: Site) -> None:
    voice = '<Say>Hello, and welcome</Say><Gather action="/next" numDigits="1"/>'
    caller = await call(twilio, site, voice, next="")
    await caller.press("1")
    await twilio.clock.advance(2)
    assert site.paths() == ["/voice"]
    await caller.press("2")
    assert site.last("/next")["Digits"] == "2"


async def test_keys_while_a_webhook_is_answered_are_lost(twilio: FakeTwilio, site: Site) -> None:
    menu = '<Gather action="/next" numDigits="1"/>'
    caller = await call(twilio, site, menu, next='<Gather action="/third" numDigits="1"/>')
    await caller.mash("12")
    await twilio.clock.advance(10)
    assert site.last("/next")["Digits"] == "1"
    assert "/third" not in site.paths()


async def test_what_may_be_in_a_gather(twilio: FakeTwilio, site: Site) -> None:
    """gather: nesting: Say, Play and Pause; 13320 for anything else."""
    await call(twilio, site, "<Gather><Say>a</Say><Pause/><Hangup/></Gather>")
    assert [problem.code for problem in twilio.problems] == [13320]


# --- say, play, pause ----------------------------------------------------------------------------


def sound(seconds: float) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<h", 0) * int(8000 * seconds))
    return made.getvalue()


async def test_play_fetches_a_file_once_and_without_parameters(
    twilio: FakeTwilio, site: Site
) -> None:
    """play: "Twilio does not send its standard HTTP parameters"; it caches."""
    site.answers["/hold.wav"] = (200, "audio/wav", sound(2.0))
    voice = '<Play>hold.wav</Play><Say>one</Say><Play loop="2">/hold.wav</Play><Say>two</Say>'
    caller = await call(twilio, site, voice)
    assert site.last("/hold.wav") == {}
    await twilio.clock.advance(1.9)
    assert not caller.said("one")
    await twilio.clock.advance(10)
    assert what(caller) == [f"{site.url}/hold.wav", "one", *[f"{site.url}/hold.wav"] * 2, "two"]
    assert len(site.of("/hold.wav")) == 1
    assert twilio.problems == []


@pytest.mark.parametrize(
    "answer, code", [((404, "audio/wav", b""), 11200), ((200, "text/html", b"?"), 13420)]
)
async def test_a_sound_that_is_none_ends_the_call(
    twilio: FakeTwilio, site: Site, answer: tuple[int, str, bytes], code: int
) -> None:
    site.answers["/a.wav"] = answer
    caller = await call(twilio, site, "<Play>/a.wav</Play><Say>never</Say>")
    assert [problem.code for problem in twilio.problems] == [code]
    assert caller.heard[-1].kind == "error"
    assert twilio.live_calls == []


async def test_pause_waits(twilio: FakeTwilio, site: Site) -> None:
    """pause: one second by default."""
    caller = await call(twilio, site, '<Pause/><Pause length="3"/><Say>now</Say>')
    await twilio.clock.advance(3.9)
    assert caller.heard == []
    await twilio.clock.advance(0.2)
    assert what(caller) == ["now"]


async def test_the_language_of_say(twilio: FakeTwilio, site: Site) -> None:
    """say: language; an unknown one is 13512."""
    voice = '<Say language="id-ID">Selamat</Say><Say language="xx">?</Say>'
    caller = await call(twilio, site, voice)
    await twilio.clock.advance(5)
    assert [heard.language for heard in caller.heard] == ["id-ID", "en-US"]
    assert [problem.code for problem in twilio.problems] == [13512]


# --- redirect, hangup, reject --------------------------------------------------------------------


async def test_a_redirect_is_relative_to_its_document(twilio: FakeTwilio, site: Site) -> None:
    """redirect: example 2; what comes after it is unreachable."""
    voice = "<Redirect>../voice2?x=1</Redirect><Say>never</Say>"
    site.answers["/voice2"] = "<Say>there</Say>"
    caller = await call(twilio, site, voice)
    assert what(caller) == ["there"]
    assert site.last("/voice2")["x"] == "1"


async def test_hangup_ends_the_call(twilio: FakeTwilio, site: Site) -> None:
    caller = await call(twilio, site, "<Hangup/><Say>never</Say>")
    assert caller.heard == []
    assert site.last("/status")["CallStatus"] == "completed"


async def test_a_rejected_call_is_not_answered(twilio: FakeTwilio, site: Site) -> None:
    """reject: "does not answer the call", busy."""
    await call(twilio, site, '<Reject reason="busy"/>')
    assert twilio.calls[0].answered_at is None
    assert site.last("/status")["CallStatus"] == "busy"


async def test_the_document_runs_out(twilio: FakeTwilio, site: Site) -> None:
    """The call ends after the last verb."""
    await call(twilio, site, "<Say>Bye</Say>")
    await twilio.clock.advance(2)
    assert twilio.live_calls == []


# --- record --------------------------------------------------------------------------------------


def frames(made: bytes) -> float:
    with wave.open(io.BytesIO(made)) as file:
        return float(file.getnframes() / file.getframerate())


RECORD = '<Record action="/next" recordingStatusCallback="/recorded"/><Say>never</Say>'


async def test_a_recording_ends_with_silence(twilio: FakeTwilio, site: Site) -> None:
    """record: example 1, and its request parameters."""
    caller = await call(twilio, site, RECORD, next="", recorded="")
    await twilio.clock.advance(0.5)
    await caller.speak(7)
    await twilio.clock.advance(4.8)
    assert "/next" not in site.paths()
    await twilio.clock.advance(0.4)
    asked = site.last("/next")
    assert (asked["RecordingDuration"], asked["Digits"]) == ("12", "")
    assert "/recorded" not in site.paths()  # the file is not there yet
    await twilio.clock.advance(1)
    told = site.last("/recorded")
    assert told["RecordingStatus"] == "completed"
    assert told["RecordingDuration"] == "7"  # trimmed
    assert told["RecordingUrl"] == asked["RecordingUrl"]
    assert 6.9 < frames(twilio.world.recordings[told["RecordingSid"]].wav()) < 7.1
    assert twilio.problems == []


async def test_any_key_ends_a_recording(twilio: FakeTwilio, site: Site) -> None:
    """record: finishOnKey is 1234567890*# by default."""
    caller = await call(twilio, site, RECORD, next="", recorded="")
    await twilio.clock.advance(0.5)
    await caller.speak(3)
    await caller.press("8")
    assert (site.last("/next")["Digits"], site.last("/next")["RecordingDuration"]) == ("8", "3")


async def test_a_recording_has_a_longest_length(twilio: FakeTwilio, site: Site) -> None:
    """record: maxLength."""
    voice = '<Record action="/next" maxLength="20" playBeep="false"/>'
    caller = await call(twilio, site, voice, next="")
    await caller.speak(25)
    assert site.last("/next")["RecordingDuration"] == "20"


async def test_a_caller_who_hangs_up_ends_the_recording(twilio: FakeTwilio, site: Site) -> None:
    """record: Digits is "hangup" if the caller hung up; the answer can't change anything."""
    caller = await call(twilio, site, RECORD, next="<Say>never</Say>", recorded="")
    await twilio.clock.advance(0.5)
    await caller.speak(3)
    await caller.hang_up()
    asked = site.last("/next")
    assert (asked["Digits"], asked["CallStatus"]) == ("hangup", "completed")
    await twilio.clock.advance(2)
    assert site.last("/recorded")["RecordingDuration"] == "3"
    assert site.last("/status")["CallStatus"] == "completed"


async def test_silence_is_kept_by_default(twilio: FakeTwilio, site: Site) -> None:
    """record: "By default, silent recordings are saved by Twilio"."""
    await call(twilio, site, RECORD, next="", recorded="")
    await twilio.clock.advance(5.6)
    assert site.last("/next")["RecordingDuration"] == "5"


async def test_silence_is_dropped_where_the_account_says_so(twilio: FakeTwilio, site: Site) -> None:
    """record, before silence was kept: no request is made, the next verb follows."""
    twilio.world.account.keeps_silence = False
    caller = await call(twilio, site, RECORD, next="", recorded="")
    await twilio.clock.advance(5.6)
    assert "/next" not in site.paths()
    assert caller.said("never")
    assert twilio.world.recordings == {}


# --- dial ----------------------------------------------------------------------------------------


async def test_dial_connects_and_the_next_verb_follows(twilio: FakeTwilio, site: Site) -> None:
    """dial: the example with Say: the called party hangs up first."""
    other = twilio.phone("+628222000222")
    caller = await call(twilio, site, "<Dial>+628222000222</Dial><Say>Goodbye</Say>")
    await other.answer()
    assert caller.talking_to == {"+628222000222"}
    assert other.talking_to == {CALLER}
    await other.hang_up()
    assert caller.said("Goodbye")


@pytest.mark.parametrize("how, status", [("busy", "busy"), ("decline", "busy"), ("", "no-answer")])
async def test_the_result_of_a_dial(twilio: FakeTwilio, site: Site, how: str, status: str) -> None:
    """dial: DialCallStatus; the timeout is 30 seconds."""
    other = twilio.phone("client:ani")
    await call(twilio, site, '<Dial action="/next"><Client>ani</Client></Dial>', next="")
    await other.ring()
    if how:
        await getattr(other, how)()
    await twilio.clock.advance(30)
    assert site.last("/next")["DialCallStatus"] == status
    assert not other.ringing


async def test_the_first_who_answers_talks(twilio: FakeTwilio, site: Site) -> None:
    """number: simultaneous dialing; client: statusCallback."""
    one, two = twilio.phone("+628222000222", "ring"), twilio.phone("sip:two@example.com", "ring")
    voice = (
        '<Dial action="/next"><Number>+628222000222</Number><Sip statusCallback="/leg" '
        'statusCallbackEvent="ringing answered completed">sip:two@example.com</Sip></Dial>'
    )
    caller = await call(twilio, site, voice, next="", leg="")
    await two.answer()
    assert caller.talking_to == {"sip:two@example.com"}
    assert not one.ringing
    await twilio.clock.advance(9)
    await two.hang_up()
    assert (site.last("/next")["DialCallStatus"], site.last("/next")["DialCallDuration"]) == (
        "completed",
        "9",
    )
    assert [v.params["CallStatus"] for v in site.of("/leg")] == [
        "ringing",
        "in-progress",
        "completed",
    ]
    assert site.last("/leg")["ParentCallSid"] == twilio.calls[0].sid


async def test_a_caller_who_hangs_up_ends_the_dialed_call(twilio: FakeTwilio, site: Site) -> None:
    other = twilio.phone("+628222000222", "answer")
    caller = await call(twilio, site, '<Dial action="/next">+628222000222</Dial>', next="")
    await caller.hang_up()
    assert other.call is None
    assert site.last("/next")["CallStatus"] == "completed"
    assert twilio.live_calls == []


# --- what Twilio refuses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, code",
    [
        ((200, "text/xml", b"<Response><Say>"), 12100),
        ((200, "text/xml", b""), 12100),
        ((200, "text/xml", b"<Resp/>"), 12102),
        ((200, "application/json", b"{}"), 12300),
        ((200, "text/xml", b"<Response>" + b" " * 66_000 + b"</Response>"), 11750),
        ((500, "text/xml", b"<Response/>"), 11200),
        ((404, "text/xml", b"<Response/>"), 11200),
    ],
)
async def test_an_answer_that_is_no_twiml(
    twilio: FakeTwilio, site: Site, answer: tuple[int, str, bytes], code: int
) -> None:
    caller = await call(twilio, site, answer)
    assert [problem.code for problem in twilio.problems] == [code]
    assert caller.heard[-1].kind == "error"
    assert site.last("/status")["CallStatus"] == "completed"


@pytest.mark.parametrize(
    "voice, code",
    [
        ("<Sing>la</Sing>", 12200),
        ('<Say speed="2">la</Say>', 12200),
        ("<Say></Say>", 13520),
        ('<Say loop="many">la</Say>', 13510),
        ('<Gather timeout="0"/>', 13313),
        ('<Gather finishOnKey="#*"/>', 13310),
        ('<Gather numDigits="0"/>', 13314),
        ('<Gather method="PUT"/>', 13312),
        ('<Gather actionOnEmptyResult="yes"/>', 13338),
        ('<Pause length="0"/>', 13910),
        ('<Play loop="x">a.wav</Play>', 13410),
        ('<Redirect method="PUT">/next</Redirect>', 13710),
        ('<Record maxLength="0"/>', 13612),
        ('<Record finishOnKey="x"/>', 13613),
        ('<Record playBeep="no"/>', 13616),
        ('<Reject reason="rude"/>', 13810),
        ('<Dial timeout="soon">+628222000222</Dial>', 13212),
        ("<Dial><Say>la</Say></Dial>", 13215),
        ('<Dial><Conference muted="no">r</Conference></Dial>', 13230),
        ('<Dial><Conference beep="no">r</Conference></Dial>', 13235),
        ('<Dial><Conference waitUrl="ftp://x/">r</Conference></Dial>', 13233),
        ("<Dial><Conference></Conference></Dial>", 13237),
        ('<Dial><Number method="PUT">+628222000222</Number></Dial>', 13221),
    ],
)
async def test_twiml_that_twilio_warns_of(
    twilio: FakeTwilio, site: Site, voice: str, code: int
) -> None:
    """The codes of https://www.twilio.com/docs/api/errors."""
    site.answers["/a.wav"] = (200, "audio/wav", sound(1))
    await call(twilio, site, voice, next="")
    assert code in [problem.code for problem in twilio.problems]


async def test_text_and_sound_are_answers_too(twilio: FakeTwilio, site: Site) -> None:
    """https://www.twilio.com/docs/voice/twiml: MIME types that Twilio understands."""
    caller = await call(twilio, site, (200, "text/plain", b"Hello"))
    await twilio.clock.advance(2)
    assert what(caller) == ["Hello"]
