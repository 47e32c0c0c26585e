"""Agents at their desks, a console and a SIP telephone each, and their talks with citizens."""

from __future__ import annotations

import time
from dataclasses import dataclass

from callcenter.line import Device, DeviceKind
from tests.e2e.application import Agent, Application, Person
from tests.e2e.phones import AgentPhone, Phone, Phones, until

#: The longest silence in a talk that nobody would call an interruption. A machine that is busy with
#: something else makes gaps of up to 0.4 s by itself.
GAP_S = 0.5
#: Keys from the first prompt to the queue of a topic.
WAGES, DISMISSAL, SECURITY = "11", "12", "13"


class Desk:
    """One agent. ``hertz``: the tone of their voice."""

    def __init__(self, name: str, topic: str, hertz: float, phone: AgentPhone) -> None:
        self.name = name
        self.topic = topic
        self.hertz = hertz
        self.phone = phone
        self.console = Agent(0)

    @property
    def person(self) -> Person:
        device = Device(DeviceKind.SIP, self.phone.address)
        return Person(self.name, device=device, topics=(self.topic,))


def desks(
    application: Application,
    phones: Phones,
    topic: str,
    *names: str,
    hertz: float,
    answers: bool = True,
) -> list[Desk]:
    """Make agents who know ``topic``, each with a voice 20 Hz higher than the one before."""
    made = [
        Desk(name, topic, hertz + 20 * n, phones.agent(tone=hertz + 20 * n, answers=answers))
        for n, name in enumerate(names)
    ]
    application.add(*(desk.person for desk in made))
    return made


def sign_in(application: Application, made: list[Desk], *, ready: bool) -> None:
    """They come, and are ready or not."""
    for desk in made:
        desk.console = application.agent(desk.name)
        if ready:
            desk.console.ready()


@dataclass
class Talk:
    caller: Phone
    desk: Desk
    hertz: float

    @property
    def agent(self) -> Phone:
        return self.desk.phone.calls[-1]

    def wait_both_hear(self, since: float) -> None:
        self.caller.wait_hears(self.desk.hertz, 0.5, since)
        self.agent.wait_hears(self.hertz, 0.5, since)


def begin_talks(application: Application, phones: Phones, made: list[Desk]) -> list[Talk]:
    """A caller for each agent, and everybody speaks."""
    talks = []
    for n, desk in enumerate(made):
        hertz = 400.0 + 20 * n
        (caller,) = phones.call(f"+6281100000{n}", tone=hertz)
        caller.press(WAGES)
        desk.console.ready()
        desk.console.wait_state("talking")
        caller.speak()
        talks.append(Talk(caller, desk, hertz))
    for talk in talks:
        talk.wait_both_hear(time.time())
    return talks


def waiting_calls(application: Application, topic: str) -> list[str]:
    """The calls that wait for ``topic``, in order."""
    rows = application.rows(
        "SELECT call FROM entry WHERE topic = :topic AND state IN ('waiting', 'offered') "
        "ORDER BY rank, id",
        topic=topic,
    )
    return [row.call for row in rows]


def wait_hears_anything(caller: Phone, since: float) -> None:
    assert not caller.gone
    until(lambda: caller.heard(since).loudness() > 0.001, f"{caller.number} hears something")
