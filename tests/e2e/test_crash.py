"""kill -9 with everybody on the line: who talks, rings, waits or listens goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from tests.e2e.application import Application
from tests.e2e.conftest import Make
from tests.e2e.desks import (
    DISMISSAL,
    GAP_S,
    SECURITY,
    Desk,
    Talk,
    begin_talks,
    desks,
    sign_in,
    wait_hears_anything,
    waiting_calls,
)
from tests.e2e.exchange import Exchange
from tests.e2e.phones import AgentPhone, Phone, Phones, until


@dataclass
class Scene:
    """Everybody who was on the line when we died."""

    application: Application
    exchange: Exchange
    talks: list[Talk]  #: the last one's caller hangs up while we are away
    passed: Talk  #: the agent has left the caller with a body of the directory
    body: AgentPhone
    ringers: list[Desk]  #: three answer while we are away, the last one declines
    rung: list[Phone]
    queue: Desk
    waiting: list[Phone]  #: in their order; the last one gives up while we are away
    order: list[str]  #: their calls
    in_ivr: list[Phone]
    spare: Desk

    def caller_in(self, call: str, callers: list[Phone]) -> Phone:
        """Which of ``callers`` is in ``call``."""
        numbers = {self.exchange.leg_of(one.number): one for one in callers if not one.gone}
        (found,) = [numbers[leg] for leg in numbers if self.application.call_of(leg).id == call]
        return found


@pytest.mark.timeout(240)
def test_killed_with_twenty_calls(
    make_application: Make, exchange: Exchange, phones: Phones
) -> None:
    application = make_application()
    scene = everybody(application, exchange, phones)
    assert len(application.calls()) == 23
    assert len(exchange.channels()) == 6 * 2 + 4 * 2 + 8 + 5

    killed = time.time()
    application.kill()
    stages = stages_of(scene)
    for desk in scene.ringers[:3]:
        desk.phone.calls[-1].answer()
    scene.ringers[3].phone.calls[-1].decline()
    scene.talks[4].caller.hang_up()
    scene.waiting[7].hang_up()
    for desk in scene.ringers[:3]:
        desk.phone.wait("up")
    application.start()
    back = time.time()

    flows_go_on(scene, back, stages)
    talks_go_on(scene, killed, back)
    passed_goes_on(scene, killed, back)
    offers_go_on(scene, back)
    waiting_goes_on(scene, back)

    lived = [*scene.in_ivr, *scene.waiting[2:7], *scene.rung, scene.passed.caller]
    for phone in [*lived, *(talk.caller for talk in scene.talks[:4])]:
        phone.hang_up()
    exchange.wait_empty()
    application.wait_settled()
    assert len(application.calls()) == 23
    verified = application.command("audit", "verify")
    assert verified.startswith(f"{len(application.facts())} Facts are as they were")
    assert application.complaints() == []


def everybody(application: Application, exchange: Exchange, phones: Phones) -> Scene:
    """Five talk, one with KP2MI alone, eight wait, five listen, and four phones ring."""
    talkers = desks(application, phones, "upah", *(f"bicara{n}" for n in range(6)), hertz=800)
    body = phones.agent(tone=700, port=int(exchange.asterisk.trunk_peer.rsplit(":", 1)[1]))
    ringers = desks(
        application, phones, "jamsos", *(f"dering{n}" for n in range(4)), hertz=1000, answers=False
    )
    (queue,) = desks(application, phones, "phk", "antre", hertz=1200)
    (spare,) = desks(application, phones, "jamsos", "cadangan", hertz=1300)
    application.start()
    sign_in(application, [*talkers, *ringers, queue, spare], ready=False)

    *talks, passed = begin_talks(application, phones, talkers)
    pass_on(passed, body)
    case = talkers[0].console.shown["call"]["case"]
    waiting = phones.call("+628130000", count=8)
    press(waiting, DISMISSAL)
    until(lambda: len(waiting_calls(application, "phk")) == 8, "eight wait")
    rung = phones.call("+628140000", count=4)
    press(rung, SECURITY)
    until(lambda: len(waiting_calls(application, "jamsos")) == 4, "four wait for security")
    in_ivr = phones.call("+628120000", count=5)
    for caller, keys in zip(in_ivr, ("", "9", "1", "2", "2" + case["number"]), strict=True):
        if keys:
            caller.press(keys)
    until(
        lambda: {"topic", "ask_number", "ask_pin"} <= {call.stage for call in application.calls()},
        "those who listen have come to where they are",
    )
    for desk in ringers:
        desk.console.ready()
    until(lambda: sum(is_ringing(desk) for desk in ringers) == 4, "four phones ring")
    scene = Scene(
        application, exchange, talks, passed, body, ringers, rung, queue, [],
        waiting_calls(application, "phk"), in_ivr, spare,
    )  # fmt: skip
    scene.waiting = [scene.caller_in(call, waiting) for call in scene.order]
    return scene


def pass_on(talk: Talk, body: AgentPhone) -> None:
    """The agent brings KP2MI into the talk and leaves."""
    console = talk.desk.console
    path = f"/api/agent/calls/{console.shown['call']['id']}"
    console.put(f"{path}/body", code="KP2MI")
    until(lambda: (console.shown["call"]["joined"] or {}).get("state") == "talking", "it joins")
    phone, since = body.wait("up"), time.time()
    # Two speak at once: each is half of what is heard.
    until(lambda: phone.heard(since).seconds_of(talk.hertz, 0.25) > 0.5, "KP2MI hears the caller")
    console.post(f"{path}/hangup")
    console.wait_state("wrap_up")
    console.put("/api/agent/state", state="paused")
    console.wrap_up()


def passed_goes_on(scene: Scene, killed: float, back: float) -> None:
    """Who was left with a body notices nothing either."""
    caller, body = scene.passed.caller, scene.body.wait("up")
    caller.wait_hears(scene.body.process.tone, 0.5, back)
    body.wait_hears(scene.passed.hertz, 0.5, back)
    for phone in (caller, body):
        assert phone.heard(killed - 1, back + 0.5).longest_gap_s() <= GAP_S


def press(callers: list[Phone], keys: str) -> None:
    for caller in callers:
        caller.press(keys)


def stages_of(scene: Scene) -> list[str]:
    """Where in the flow the callers are who listen."""
    legs = [scene.exchange.leg_of(caller.number) for caller in scene.in_ivr]
    return [str(scene.application.call_of(leg).stage) for leg in legs]


def talks_go_on(scene: Scene, killed: float, back: float) -> None:
    """Those who talk noticed nothing; the agent whose caller hung up is free."""
    for talk in scene.talks[:4]:
        talk.wait_both_hear(back)
        for phone in (talk.caller, talk.agent):
            assert phone.heard(killed - 1, back + 0.5).longest_gap_s() <= GAP_S
        assert talk.desk.console.state == "talking"
    scene.talks[4].agent.wait_over()
    scene.talks[4].desk.console.wait_state("wrap_up")


def offers_go_on(scene: Scene, back: float) -> None:
    """Who answered while we were away talks to the caller who was offered; who was declined goes
    to somebody else."""
    left = list(scene.rung)
    for desk in scene.ringers[:3]:
        call = desk.console.wait_state("talking")["call"]["id"]
        caller = scene.caller_in(call, left)
        left.remove(caller)
        caller.speak()
        Talk(caller, desk, 440.0).wait_both_hear(back)
    scene.spare.console.ready()
    call = scene.spare.console.wait_state("talking")["call"]["id"]
    assert scene.caller_in(call, left) is left[0]


def waiting_goes_on(scene: Scene, back: float) -> None:
    """Who waits hears it, in the same place as before."""
    assert waiting_calls(scene.application, "phk") == scene.order[:7]
    for caller in scene.waiting[:7]:
        wait_hears_anything(caller, back)
    console = scene.queue.console
    for n in range(2):
        console.ready()
        call = console.wait_state("talking")["call"]["id"]
        assert call == scene.order[n]
        scene.waiting[n].wait_hears(scene.queue.hertz, 0.5, back)
        scene.waiting[n].hang_up()
        console.wait_state("wrap_up")
        console.put("/api/agent/state", state="paused")
        console.wrap_up()


def flows_go_on(scene: Scene, back: float, stages: list[str]) -> None:
    """Who listened hears it again from its beginning, and what they press then counts."""
    case = scene.talks[0].desk.console.shown["call"]["case"]
    keys = {
        "top": SECURITY,
        "topic": SECURITY[1:],
        "ask_number": case["number"] + case["pin"],
        "ask_pin": case["pin"],
    }
    for caller, stage in zip(scene.in_ivr, stages, strict=True):
        wait_hears_anything(caller, back)
        caller.press(keys[stage])
    asked = sum(stage.startswith("ask") for stage in stages)
    until(
        # With the one whom an agent declined.
        lambda: len(waiting_calls(scene.application, "jamsos")) == 5 - asked + 1,
        f"{5 - asked} have come to their queue",
    )
    until(
        lambda: len(scene.application.facts("status_read")) == asked,
        f"{asked} have heard the status",
    )


def is_ringing(desk: Desk) -> bool:
    return any(call.state == "ringing" for call in desk.phone.calls)
