"""Small flows for tests: only what the test is about is written there."""

from __future__ import annotations

from collections.abc import Mapping

from callcenter import line
from callcenter.ivr import engine
from callcenter.ivr.engine import Event, Step
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import parse
from callcenter.ivr.needs import Need
from callcenter.ivr.visit import Visit, decode_visit

#: Tuesday 24 November 2026, 10:00 in Jakarta.
NOW = 1_795_489_200_000

PROMPTS = {
    "id": """
hello: Halo.
bye: Selamat tinggal.
ask: Silakan jawab.
label.one: yang pertama
menu.option: "Untuk {label|words}, tekan {key|words}."
menu.operator: petugas
menu.repeat: mengulang
language.offer: "Bahasa Indonesia, tekan {key|words}."
collect.confirm: Benar, tekan satu. Salah, tekan dua.
record.consent: Setuju, tekan satu. Tidak, tekan dua.
silence.1: Diam satu.
silence.2: Diam dua.
wrong.1: Salah satu.
wrong.2: Salah dua.
system.sorry: Maaf.
""",
    "en": """
hello: Hello.
bye: Goodbye.
ask: Please answer.
label.one: the first
menu.option: "For {label|words}, press {key|words}."
menu.operator: staff
menu.repeat: this again
language.offer: "For English, press {key|words}."
collect.confirm: Right, press one. Wrong, press two.
record.consent: To agree, press one. If not, press two.
silence.1: Silence one.
silence.2: Silence two.
wrong.1: Wrong one.
wrong.2: Wrong two.
system.sorry: Sorry.
""",
}
TOPICS = """
topics:
  upah: {label: {id: Upah, en: Wages}, unit: WAS}
  info: {label: {id: Informasi, en: Information}, unit: PTSA}
"""
CALENDAR = """
spec: 1
calendar: office
timezone: Asia/Jakarta
weekly: {mon: ["08:00-16:00"], tue: ["08:00-12:00", "13:00-16:00"]}
holidays: {country: ID, categories: [public, government]}
exceptions: {"2026-11-23": [], "2026-11-24": ["09:00-24:00"], "2026-11-29": ["10:00-11:00"]}
"""


def sources(
    flows: Mapping[str, str], prompts: Mapping[str, str] | None = None, topics: str = TOPICS
) -> dict[str, str]:
    """Files around ``flows`` (name to text below its head). ``prompts``: more, by language."""
    files = {"topics.yaml": topics, "calendars/office.yaml": CALENDAR}
    for language, text in PROMPTS.items():
        files[f"prompts/{language}.yaml"] = text + (prompts or {}).get(language, "")
    for name, text in flows.items():
        files[f"flows/{name}.yaml"] = f"spec: 1\nflow: {name}\n{text}"
    return files


def flow_set(main: str, prompts: Mapping[str, str] | None = None, **others: str) -> FlowSet:
    """A set with the flow ``main`` and others."""
    return parse(sources({"main": main, **others}, prompts))


class Caller:
    """Walks flows; each event goes through the visit's JSON."""

    def __init__(self, flows: FlowSet, now: int = NOW, *, always_open: bool = False) -> None:
        self.flows, self.now = flows, now
        self.step: Step = engine.begin(flows, flow="main", now=now, always_open=always_open)
        self.refused = False

    def does(self, event: Event) -> Step:
        """One event. A refused one must change nothing."""
        visit = decode_visit(self.visit.encode())
        found = engine.step(self.flows, visit, event, self.now)
        assert engine.step(self.flows, visit, event, self.now) == found
        self.refused = found.refused
        if found.refused:
            assert found.visit == visit
            assert found == Step(visit, refused=True)
        else:
            assert (found.wait is None) or (found.need is None)
            assert (found.wait or found.need) or found.visit.finished
            self.step = found
        return found

    def keys(self, digits: str) -> Step:
        return self.does(line.DigitsEntered("leg", 1, digits))

    def silent(self) -> Step:
        return self.does(line.Silence("leg", 1))

    def gone(self) -> Step:
        return self.does(line.LegGone("leg", line.Cause.HUNG_UP))

    def wait(self) -> line.Wait | None:
        return self.step.wait

    def need(self) -> Need | None:
        return self.step.need

    def queueing(self) -> bool:
        return self.visit.queueing

    @property
    def visit(self) -> Visit:
        return self.step.visit

    @property
    def notes(self) -> list[tuple[str, dict[str, str | int | bool]]]:
        return [(note.kind, note.data) for note in self.step.notes]


def texts(step: Step) -> list[str]:
    """What a step says, without pauses."""
    return [part.text for part in step.steps if not isinstance(part, line.Pause)]
