"""The queue node and the flow that is walked while waiting."""

from __future__ import annotations

import pytest

from callcenter import line
from callcenter.ivr import needs
from tests.rules.ivr.small import NOW, Caller, flow_set, texts

QUEUE = """
start: q
on_error: failed
nodes:
  q:
    type: queue
    default_topic: info
    priority: 2
    while_waiting: wait
    max_wait_s: 70
    resumed: hello
    answered: thanks
    timeout: late
    nobody: nobody
    exits: {message: message}
  thanks: {type: hangup, prompt: bye}
  late: {type: hangup, prompt: silence.1}
  nobody: {type: hangup, prompt: silence.2}
  message: {type: hangup, prompt: wrong.1}
  failed: {type: hangup, prompt: wrong.2}
"""
WAIT = """
start: place
on_error: music
nodes:
  place: {type: position, next: say}
  say: {type: say, prompt: place, next: music}
  music: {type: wait, seconds: 30, keys: {"1": leave, "2": place}, next: place}
  leave: {type: leave, exit: message}
"""
PLACE = {
    "id": "place: 'Urutan {position|number}, {wait_minutes|number} menit.'",
    "en": "place: 'Place {position|number}, {wait_minutes|number} minutes.'",
}


def queueing() -> Caller:
    caller = Caller(flow_set(QUEUE, PLACE, wait=WAIT))
    assert caller.need() == needs.AskStaff("info")
    caller.does(needs.Staff(1, 0, 1, 61))
    assert caller.need() == needs.JoinQueue("info", 2)
    assert not caller.queueing()
    caller.does(needs.QueueJoined("e1", 2))
    assert caller.need() == needs.AskPosition()
    caller.does(needs.Position(2, 61))
    assert texts(caller.step) == ["Urutan dua, dua menit."]
    assert caller.wait() == line.Music(seconds=30, keys="12")
    assert caller.queueing()
    assert caller.visit.stage == "music"
    return caller


def test_nobody_is_signed_in() -> None:
    caller = Caller(flow_set(QUEUE, PLACE, wait=WAIT))
    assert texts(caller.does(needs.Staff(0, 0, 0))) == ["Diam dua."]
    assert not caller.queueing()


def test_music_ends_and_keys_lead_elsewhere() -> None:
    caller = queueing()
    caller.now += 30_000
    assert caller.silent().need == needs.AskPosition()
    caller.does(needs.NeedFailed("gone"))
    assert texts(caller.step) == ["Urutan tidak diketahui, tidak diketahui menit."]
    assert caller.keys("2").need == needs.AskPosition()
    caller.does(needs.Position(1))
    assert caller.keys("9").wait == line.Music(seconds=30, keys="12")


def test_leaving_the_queue_by_a_key() -> None:
    caller = queueing()
    assert caller.keys("1").need == needs.LeaveQueue("message")
    assert caller.queueing()
    assert texts(caller.does(needs.QueueLeft())) == ["Salah satu."]
    assert not caller.queueing()


def test_the_longest_wait() -> None:
    caller = queueing()
    for waited, music in [(30, 30), (60, 10)]:
        caller.now = NOW + waited * 1000
        caller.silent()
        caller.does(needs.Position(1))
        assert caller.wait() == line.Music(seconds=music, keys="12")
    caller.now = NOW + 70_000
    caller.silent()
    assert caller.does(needs.Position(1)).need == needs.LeaveQueue("timeout")
    assert texts(caller.does(needs.QueueLeft())) == ["Diam satu."]
    assert not caller.queueing()


def test_the_agent_hangs_up_first() -> None:
    caller = queueing()
    assert texts(caller.does(needs.TalkEnded("agent"))) == ["Selamat tinggal."]
    assert not caller.queueing()
    caller.does(needs.TalkEnded("agent"))
    assert caller.refused


def test_the_agent_is_lost_and_the_wait_begins_anew() -> None:
    caller = queueing()
    caller.now = NOW + 3_600_000
    caller.does(needs.Resumed())
    caller.does(needs.Position(1, 20))
    assert texts(caller.step) == ["Urutan satu, satu menit."]
    assert caller.wait() == line.Music(seconds=30, keys="12")


def test_resumed_says_so() -> None:
    caller = queueing()
    assert texts(caller.does(needs.Resumed())) == ["Halo."]


@pytest.mark.parametrize("by", ["leg", "talk"])
def test_the_caller_hangs_up_in_the_queue(by: str) -> None:
    caller = queueing()
    done = caller.gone() if by == "leg" else caller.does(needs.TalkEnded("caller"))
    assert done.wait is None
    assert done.need is None
    assert done.visit.finished
    assert not done.visit.queueing
    assert done.visit.stage == "music"


def test_a_store_that_fails_twice_ends_with_an_apology() -> None:
    failed = "  failed: {type: hangup, prompt: wrong.2}\n"
    main = QUEUE.replace("on_error: failed", "on_error: q").replace(failed, "")
    caller = Caller(flow_set(main, PLACE, wait=WAIT))
    caller.does(needs.NeedFailed("gone"))
    assert caller.need() == needs.AskStaff("info")
    caller.does(needs.NeedFailed("gone"))
    assert texts(caller.step) == ["Maaf."]
    assert caller.wait() == line.Gone()
    assert caller.notes == [("node_failed", {"node": "q", "reason": "gone"})]
