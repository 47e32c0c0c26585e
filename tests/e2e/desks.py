"""Agents at their desks: a console and a SIP telephone each."""

from __future__ import annotations

from callcenter.line import Device, DeviceKind
from tests.e2e.application import Agent, Application, Person
from tests.e2e.phones import AgentPhone, Phones


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
