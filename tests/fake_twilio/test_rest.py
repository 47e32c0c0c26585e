"""The REST API, asked by Twilio's own library.

Sources: https://www.twilio.com/docs/voice/api/call-resource, /conference-resource,
/conference-participant-resource, /recording, and the error dictionary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from tests.fake_twilio import FakeTwilio, Handset, RestFault
from tests.fake_twilio.library import Library
from tests.fake_twilio.site import Site, connect

OURS = "+622150630"
CALLER = "+628111000111"


@pytest.fixture
def library(twilio: FakeTwilio, site: Site) -> Library:
    connect(twilio, site, voice='<Gather action="/next" timeout="60"/>', next="", agent="", cb="")
    return Library(twilio)


async def refused(asked: Awaitable[Any]) -> tuple[int, int]:
    """The HTTP status and the code of a refusal."""
    with pytest.raises(TwilioRestException) as caught:
        await asked
    return caught.value.status, caught.value.code


@pytest.fixture
async def caller(twilio: FakeTwilio, library: Library) -> Handset:
    """Somebody who is in a menu."""
    made = twilio.phone(CALLER)
    await made.dial(OURS)
    return made


# --- who may ask ---------------------------------------------------------------------------------


async def test_credentials(twilio: FakeTwilio, library: Library) -> None:
    """20003: the account's token, or an API key."""
    account = await library(lambda c: c.api.accounts(twilio.account_sid).fetch())
    assert (account.sid, account.status) == (twilio.account_sid, "active")
    key, secret = twilio.api_key()
    asked = Library(twilio, key, secret)(lambda c: c.api.accounts(twilio.account_sid).fetch())
    assert (await asked).sid == twilio.account_sid
    wrong = Library(twilio, twilio.account_sid, "wrong")
    asked = wrong(lambda c: c.api.accounts(twilio.account_sid).fetch())
    assert await refused(asked) == (401, 20003)


async def test_numbers_are_found_and_set(twilio: FakeTwilio, library: Library, site: Site) -> None:
    found = await library(lambda c: c.incoming_phone_numbers.list(phone_number=OURS))
    assert [one.phone_number for one in found] == [OURS]
    new = f"{site.url}/agent"
    await library(lambda c: c.incoming_phone_numbers(found[0].sid).update(voice_url=new))
    assert twilio.world.numbers[OURS].voice_url == new
    asked = library(lambda c: c.incoming_phone_numbers(found[0].sid).update(voice_url="/relative"))
    assert await refused(asked) == (400, 21402)


# --- calls that we make --------------------------------------------------------------------------


def ring(site: Site, to: str = "client:ani", **more: Any) -> Callable[[Any], Any]:
    """Make a call whose progress is told to ``/cb``."""
    given = {
        "from_": OURS,
        "url": f"{site.url}/agent",
        "status_callback": f"{site.url}/cb",
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        **more,
    }
    return lambda c: c.calls.create(to=to, **given)


def progress(site: Site) -> list[str]:
    return [visit.params["CallStatus"] for visit in site.of("/cb")]


async def test_a_call_goes_through_its_statuses(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """call-resource: StatusCallbackEvent, CallStatus values, SequenceNumber."""
    site.answers["/agent"] = "<Say>Hello agent</Say>"
    agent = twilio.phone("client:ani")
    made = await library(ring(site))
    assert (made.status, made.direction) == ("queued", "outbound-api")
    await agent.asked()
    await agent.ring()
    await agent.answer()
    assert agent.said("Hello agent")
    assert site.last("/agent")["CallStatus"] == "in-progress"
    await twilio.clock.advance(3)
    assert progress(site) == ["initiated", "ringing", "in-progress", "completed"]
    numbers = [int(visit.params["SequenceNumber"]) for visit in site.of("/cb")]
    assert numbers == sorted(numbers)
    assert (await library(lambda c: c.calls(made.sid).fetch())).status == "completed"
    assert twilio.problems == []


@pytest.mark.parametrize(
    "how, status, sip",
    [("busy", "busy", "486"), ("decline", "busy", "603"), ("", "no-answer", "487")],
)
async def test_a_call_that_nobody_takes(
    twilio: FakeTwilio, library: Library, site: Site, how: str, status: str, sip: str
) -> None:
    """call-resource: Timeout (seconds of ringing), SipResponseCode."""
    agent = twilio.phone("client:ani")
    await library(ring(site, timeout=20))
    await agent.ring()
    if how:
        await getattr(agent, how)()
    else:
        await twilio.clock.advance(20)
    assert progress(site) == ["initiated", "ringing", status]
    assert site.last("/cb")["SipResponseCode"] == sip
    assert site.of("/agent") == []


async def test_a_telephone_rings_five_seconds_longer(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """call-resource: "For some call flows, we will add a 5-second buffer to the timeout"."""
    agent = twilio.phone("+628222000222")
    await library(ring(site, "+628222000222", timeout=10))
    await agent.ring()
    await twilio.clock.advance(14.5)
    assert agent.ringing
    await twilio.clock.advance(1)
    assert not agent.ringing


@pytest.mark.parametrize(
    "to, status",
    [("client:nobody", "no-answer"), ("+628999888777", "failed"), ("sip:a@b.c", "failed")],
)
async def test_nobody_is_there(
    twilio: FakeTwilio, library: Library, site: Site, to: str, status: str
) -> None:
    await library(ring(site, to))
    await twilio.clock.settle()
    assert progress(site) == ["initiated", status]


async def test_calls_go_out_one_a_second(twilio: FakeTwilio, library: Library, site: Site) -> None:
    """call-resource: Calls Per Second; the rest waits in the queue and can be withdrawn there."""
    phones = [twilio.phone(f"client:a{n}") for n in range(3)]
    made = [await library(ring(site, f"client:a{n}")) for n in range(3)]
    await twilio.clock.settle()
    assert [phone.call is not None for phone in phones] == [True, False, False]
    await library(lambda c: c.calls(made[1].sid).update(status="canceled"))
    await twilio.clock.advance(1.5)
    assert (await library(lambda c: c.calls(made[1].sid).fetch())).status == "canceled"
    await twilio.clock.advance(1)
    assert [phone.call is not None for phone in phones] == [True, False, True]


@pytest.mark.parametrize(
    "more, code",
    [
        ({"url": None}, 21205),
        ({"url": "/relative"}, 21205),
        ({"from_": "+628111222333"}, 21210),
        ({"from_": ""}, 21213),
        ({"to": ""}, 21201),
        ({"to": "0811"}, 21211),
        ({"status_callback": "/relative"}, 21609),
        ({"status_callback_event": ["finished"]}, 21626),
        ({"timeout": 601}, 20001),
        ({"url": None, "twiml": "<Response><Say>"}, 12100),
        ({"url": None, "twiml": '<Response><Gather action="/x"/></Response>'}, 15004),
    ],
)
async def test_a_call_that_is_refused(
    twilio: FakeTwilio, library: Library, site: Site, more: dict[str, Any], code: int
) -> None:
    given = {"to": "client:ani", **more}
    assert await refused(library(ring(site, **given))) == (400, code)
    assert [problem.code for problem in twilio.problems] == [code]


# --- calls that we change ------------------------------------------------------------------------


async def test_a_live_call_is_moved_to_a_url(
    twilio: FakeTwilio, library: Library, site: Site, caller: Handset
) -> None:
    """modify-calls-in-progress: at once; what it did is forgotten."""
    site.answers["/moved"] = "<Say>Elsewhere</Say>"
    sid = twilio.calls[0].sid
    await library(lambda c: c.calls(sid).update(url=f"{site.url}/moved"))
    await caller.press("1")
    assert caller.said("Elsewhere")
    assert "/next" not in site.paths()


async def test_a_live_call_is_given_twiml(
    twilio: FakeTwilio, library: Library, caller: Handset
) -> None:
    sid = twilio.calls[0].sid
    twiml = "<Response><Say>Here</Say></Response>"
    await library(lambda c: c.calls(sid).update(twiml=twiml))
    await twilio.clock.settle()
    assert caller.said("Here")
    bad = '<Response><Gather action="next"/></Response>'
    assert await refused(library(lambda c: c.calls(sid).update(twiml=bad))) == (400, 15004)
    bad = "<Response><Record/></Response>"
    assert await refused(library(lambda c: c.calls(sid).update(twiml=bad))) == (400, 11100)


async def test_a_move_overtakes_a_webhook_that_is_under_way(
    twilio: FakeTwilio, library: Library, site: Site, caller: Handset
) -> None:
    """The answer to what was asked before counts no more."""
    site.answers["/moved"] = '<Gather action="/next"><Say>Elsewhere</Say></Gather>'
    site.answers["/next"] = "<Say>Too late</Say>"
    twilio.chaos.choose = lambda n, url, params: None
    sid = twilio.calls[0].sid
    await caller.mash("1#")
    await library(lambda c: c.calls(sid).update(url=f"{site.url}/moved"))
    await twilio.clock.advance(1)
    assert caller.said("Elsewhere")


async def test_a_live_call_is_ended(
    twilio: FakeTwilio, library: Library, site: Site, caller: Handset
) -> None:
    sid = twilio.calls[0].sid
    await library(lambda c: c.calls(sid).update(status="canceled"))  # not for calls in progress
    assert len(twilio.live_calls) == 1
    await library(lambda c: c.calls(sid).update(status="completed"))
    await twilio.clock.settle()
    assert twilio.live_calls == []
    assert site.last("/status")["CallStatus"] == "completed"


async def test_a_call_that_is_over_can_not_be_moved(
    twilio: FakeTwilio, library: Library, site: Site, caller: Handset
) -> None:
    """21220."""
    sid = twilio.calls[0].sid
    await caller.hang_up()
    moved = library(lambda c: c.calls(sid).update(url=f"{site.url}/moved"))
    assert await refused(moved) == (400, 21220)
    assert await refused(library(lambda c: c.calls(sid).update(status="completed"))) == (400, 21220)
    unknown = "CA" + "0" * 32
    assert await refused(library(lambda c: c.calls(unknown).fetch())) == (404, 20404)


async def test_calls_are_listed_by_status_and_deleted(
    twilio: FakeTwilio, library: Library, caller: Handset
) -> None:
    live = await library(lambda c: c.calls.list(status="in-progress", page_size=1))
    assert [one.sid for one in live] == [twilio.calls[0].sid]
    asked = library(lambda c: c.calls(live[0].sid).delete())
    assert (await refused(asked))[0] == 409
    await caller.hang_up()
    assert await library(lambda c: c.calls(live[0].sid).delete())
    assert await library(lambda c: c.calls.list()) == []


async def test_lists_have_pages(twilio: FakeTwilio, library: Library, site: Site) -> None:
    for n in range(5):
        await library(ring(site, f"client:a{n}"))
    listed = await library(lambda c: c.calls.list(page_size=2))
    assert len({one.sid for one in listed}) == 5


async def test_rest_that_fails(twilio: FakeTwilio, library: Library, site: Site) -> None:
    twilio.rest.faults += [RestFault("refuse"), RestFault("throttle"), RestFault("lose")]
    assert await refused(library(ring(site))) == (500, 20500)
    assert await refused(library(ring(site))) == (429, 20429)
    with pytest.raises(Exception, match=r"Connection|aborted"):
        await library(ring(site))
    assert len(twilio.calls) == 1  # it was done, and nobody was told
    assert twilio.problems == []


# --- conferences ---------------------------------------------------------------------------------

ROOM = (
    '<Dial action="/left"><Conference statusCallback="/room" waitUrl="" '
    'statusCallbackEvent="start end join leave mute hold"{more}>room-1</Conference></Dial>'
)


async def meet(
    twilio: FakeTwilio, library: Library, site: Site, more: str = ""
) -> tuple[Handset, Handset]:
    """A caller and an agent in a room; ``more`` are attributes of the agent's."""
    site.answers |= {
        "/voice": ROOM.format(more=""),
        "/agent": ROOM.format(more=more),
        "/room": "",
        "/left": "<Say>Alone</Say>",
    }
    caller, agent = twilio.phone(CALLER), twilio.phone("client:ani", "answer")
    await caller.dial(OURS)
    await library(ring(site))
    await twilio.clock.settle()
    return caller, agent


def events(site: Site) -> list[str]:
    return [visit.params["StatusCallbackEvent"] for visit in site.of("/room")]


async def test_a_conference_starts_with_two(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference: example 1, statusCallbackEvent start; one alone hears the music."""
    site.answers["/voice"] = "<Dial><Conference>room-1</Conference></Dial>"
    caller = twilio.phone(CALLER)
    await caller.dial(OURS)
    assert [heard.kind for heard in caller.heard] == ["music"]
    assert twilio.alone == [twilio.calls[0]]
    other = twilio.phone("+628111000112")
    await other.dial(OURS)
    assert twilio.alone == []
    assert caller.talking_to == {"+628111000112"}
    assert other.talking_to == {CALLER}
    assert twilio.rooms[0].status == "in-progress"


async def test_a_moderated_conference(twilio: FakeTwilio, library: Library, site: Site) -> None:
    """conference: example 2: they wait, muted, until somebody starts it."""
    site.answers["/voice"] = (
        '<Dial><Conference startConferenceOnEnter="false">m</Conference></Dial>'
    )
    waiting = [twilio.phone(f"+62811100011{n}") for n in range(2)]
    for one in waiting:
        await one.dial(OURS)
    assert [one.talking_to for one in waiting] == [set(), set()]
    site.answers["/voice"] = '<Dial><Conference endConferenceOnExit="true">m</Conference></Dial>'
    moderator = twilio.phone("+628111000119")
    await moderator.dial(OURS)
    assert len(waiting[0].talking_to) == 2
    await moderator.hang_up()
    assert twilio.live_calls == []


async def test_what_is_told_of_a_conference(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference: statusCallback parameters; the last one leaves."""
    caller, agent = await meet(twilio, library, site)
    assert events(site) == ["participant-join", "participant-join", "conference-start"]
    await caller.hang_up()
    assert site.last("/room")["ReasonParticipantLeft"] == "participant_hung_up"
    assert site.last("/room")["CallSid"] == twilio.calls[0].sid
    assert len(twilio.alone) == 1
    await agent.hang_up()
    assert events(site)[3:] == ["participant-leave", "participant-leave", "conference-end"]
    assert site.last("/room")["ReasonConferenceEnded"] == "last-participant-left"
    assert site.of("/left")[0].params["DialCallStatus"] == "answered"
    assert twilio.problems == []


async def test_a_moved_participant_leaves_the_room(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference-participant-resource: "whose call has been modified to use new TwiML"."""
    caller, _agent = await meet(twilio, library, site)
    site.answers["/moved"] = '<Say>Please wait</Say><Pause length="60"/>'
    sid = twilio.calls[0].sid
    await library(lambda c: c.calls(sid).update(url=f"{site.url}/moved"))
    await twilio.clock.settle()
    assert caller.said("Please wait")
    assert site.last("/room")["ReasonParticipantLeft"] == "participant_updated_via_api"
    assert "/left" not in site.paths()


async def test_an_ended_conference_lets_its_calls_go_on(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference-resource: Status completed; then the Dial's action."""
    caller, agent = await meet(twilio, library, site)
    room = (await library(lambda c: c.conferences.list(friendly_name="room-1")))[0]
    assert room.status == "in-progress"
    await library(lambda c: c.conferences(room.sid).update(status="completed"))
    await twilio.clock.settle()
    assert caller.said("Alone")
    assert agent.said("Alone")
    assert site.last("/room")["ReasonConferenceEnded"] == "conference-ended-via-api"
    assert await library(lambda c: c.conferences.list(status="in-progress")) == []


async def test_who_ends_the_conference_on_exit(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    caller, agent = await meet(twilio, library, site, ' endConferenceOnExit="true"')
    await agent.hang_up()
    assert caller.said("Alone")
    assert site.last("/room")["ReasonConferenceEnded"].startswith("participant-with-end")


async def test_participants_are_held_muted_and_removed(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference-participant-resource: Hold, Muted, delete."""
    caller, agent = await meet(twilio, library, site)
    room = (await library(lambda c: c.conferences.list()))[0]
    people = await library(lambda c: c.conferences(room.sid).participants.list())
    assert [one.call_sid for one in people] == [call.sid for call in twilio.calls]
    one = people[0].call_sid

    def change(**what: Any) -> Callable[[Any], Any]:
        return lambda c: c.conferences(room.sid).participants(one).update(**what)

    site.answers["/hold.wav"] = (200, "audio/wav", b"")
    await library(change(hold=True, hold_url=f"{site.url}/hold.wav"))
    await twilio.clock.settle()
    assert (caller.talking_to, agent.talking_to) == (set(), set())
    assert caller.said("hold.wav")
    await library(change(hold=False, muted=True))
    assert (caller.talking_to, agent.talking_to) == ({"client:ani"}, set())
    await twilio.clock.settle()
    assert events(site)[3:] == ["participant-hold", "participant-mute", "participant-unhold"]
    await library(lambda c: c.conferences(room.sid).participants(one).delete())
    await twilio.clock.settle()
    assert caller.said("Alone")


async def test_a_coach_is_heard_by_one_only(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference: coach."""
    caller, agent = await meet(twilio, library, site)
    coached = twilio.calls[1].sid
    site.answers["/voice"] = f'<Dial><Conference coach="{coached}">room-1</Conference></Dial>'
    coach = twilio.phone("+628111000119")
    await coach.dial(OURS)
    assert coach.talking_to == {CALLER, "client:ani"}
    assert agent.talking_to == {CALLER, "+628111000119"}
    assert caller.talking_to == {"client:ani"}


@pytest.mark.parametrize("label, code", [("leg/1", 16023), ("leg%2F1", 16023), ("taken", 16025)])
async def test_labels_that_are_refused(
    twilio: FakeTwilio, library: Library, site: Site, label: str, code: int
) -> None:
    """conference: participantLabel; the call goes on with the next verb."""
    room = '<Dial><Conference participantLabel="{}">r</Conference></Dial><Say>Out</Say>'
    site.answers["/voice"] = [room.format("taken"), room.format(label)]
    await twilio.phone("+628111000119").dial(OURS)
    caller = twilio.phone(CALLER)
    await caller.dial(OURS)
    assert caller.said("Out")
    assert [problem.code for problem in twilio.problems] == [code]


async def test_a_waiting_document_may_not_gather(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """13238; a waitUrl that fails puts the call out of the conference."""
    site.answers["/voice"] = (
        '<Dial><Conference waitUrl="/wait">r</Conference></Dial><Say>Sorry</Say>'
    )
    site.answers["/wait"] = "<Gather/>"
    caller = twilio.phone(CALLER)
    await caller.dial(OURS)
    assert [problem.code for problem in twilio.problems] == [13238]
    assert caller.said("Sorry")


async def test_a_waiting_document_loops_by_redirect(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """conference: waitUrl: leave the URL blank within Redirect."""
    site.answers["/voice"] = '<Dial><Conference waitUrl="/wait">r</Conference></Dial>'
    site.answers["/wait"] = '<Say>Wait</Say><Pause length="4"/><Redirect/>'
    caller = twilio.phone(CALLER)
    await caller.dial(OURS)
    await twilio.clock.advance(13)
    assert [heard.what for heard in caller.heard] == ["Wait"] * 4


# --- recordings ----------------------------------------------------------------------------------


async def test_a_recording_is_fetched_and_deleted(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """recording: .wav of the media; not there until it is processed; delete."""
    site.answers["/voice"] = '<Record action="/next" playBeep="false"/>'
    caller = twilio.phone(CALLER)
    await caller.dial(OURS)
    await caller.speak(2)
    await caller.press("#")
    sid = site.last("/next")["RecordingSid"]

    def media(c: Any) -> Any:
        url = f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account_sid}/Recordings/{sid}"
        return c.request("GET", url + ".wav")

    assert (await library(media)).status_code == 404
    await twilio.clock.advance(1)
    assert (await library(media)).status_code == 200
    assert (await library(lambda c: c.recordings(sid).fetch())).duration == "2"
    call_sid = twilio.calls[0].sid
    assert len(await library(lambda c: c.recordings.list(call_sid=call_sid))) == 1
    today = twilio.clock.wall().date()
    assert len(await library(lambda c: c.recordings.list(date_created_after=today))) == 1
    assert await library(lambda c: c.recordings(sid).delete())
    assert await refused(library(lambda c: c.recordings(sid).fetch())) == (404, 20404)


async def test_time_passes_by_itself_where_it_shall(site: Site) -> None:
    async with FakeTwilio(speed=20) as twilio:
        connect(twilio, site, voice='<Pause length="2"/><Say>Now</Say>')
        caller = twilio.phone(CALLER)
        await caller.dial(OURS)
        for _ in range(100):
            await asyncio.sleep(0.01)
            if caller.said("Now"):
                break
        assert caller.heard[0].at >= 2
