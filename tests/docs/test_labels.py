"""What the guides print in bold within a table or a step is what stands on the pages."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from callcenter import resources, topics
from callcenter.calls.facts import CallFact
from callcenter.calls.outcomes import OUTCOMES
from callcenter.cases import assignments, duplicates
from callcenter.cases.assignments import AssignmentState
from callcenter.cases.clocks import Kind
from callcenter.cases.deadlines import STATUTES
from callcenter.cases.desk.service import List
from callcenter.cases.facts import CaseFact, NoteKind
from callcenter.cases.secrecy import Emergency
from callcenter.cases.statuses import CASE_TABLE, Actor, CaseEvent, CaseStatus, WaitReason
from callcenter.messages import texts
from callcenter.messages.facts import MessageFact
from callcenter.messages.model import Reason
from callcenter.queue.facts import QueueFact
from tests.capabilities import ROOT
from tests.docs.pages import read

#: Texts that answer whoever writes to us are about no case.
ANSWERS = {"how_to_ask", "stop_confirmed"}
GUIDES = ("docs/agent.md", "docs/supervisor.md", "docs/officer.md")
#: Emphasis of the guides' own: a sentence, with a full stop, colon or comma at its end or in it.
OWN = re.compile(r".*[.:]$|.* (as you type|saat Anda mengetik|dalam kasus tersebut)$|Each time .*")


def _words(file: str) -> str:
    return (ROOT / "ui" / "src" / "i18n" / file).read_text(encoding="utf-8")


def _on_pages(language: str) -> set[str]:
    """Every text of the pages in ``language``, and what the server names."""
    source = "".join(_words(f"{name}{language}.ts") for name in ("", "desk.", "board."))
    texts = {text.replace('\\"', '"') for text in re.findall(r'"((?:[^"\\]|\\.)*)"', source)}
    texts |= {outcome.label[language] for outcome in OUTCOMES.values()}
    shipped = topics.load((resources.flows() / "topics.yaml").read_text(encoding="utf-8"))
    return texts | {topic.label[language] for topic in shipped.values()}


@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize("language", ["id", "en"])
def test_bold_words_stand_on_the_pages(guide: str, language: str) -> None:
    indonesian, english = read(guide).split("\n---\n")
    told = re.findall(r"\*\*(.+?)\*\*", indonesian if language == "id" else english)
    assert told
    assert not [
        word for word in told if not OWN.fullmatch(word) and word not in _on_pages(language)
    ]


def test_the_first_call_uses_the_pages_words() -> None:
    steps = read("README.md").split("## A first call")[1].split("\n##")[0]
    told = set(re.findall(r"\*\*(.+?)\*\*", steps)) - {"EN"}
    assert told
    assert not told - _on_pages("en")


@pytest.mark.parametrize("language", ["id", "en"])
def test_what_can_stand_in_a_case_has_words_on_its_page(language: str) -> None:
    """Else an officer reads a code."""
    source = _words(f"{language}.ts")
    words = set(re.findall(r"^      (\w+): \"", source, re.MULTILINE))
    kinds = {kind.value for kinds in (CallFact, CaseFact, QueueFact, MessageFact) for kind in kinds}
    of_agents = {QueueFact.AGENT_STATE.value, QueueFact.DEVICE_CHANGED.value}
    assert not kinds - of_agents - words
    assert not {status.value for status in CaseStatus} - words
    assert not {reason.value for reason in Reason} - words
    assert not {*texts.TEMPLATES, *texts.MAILS} - words - ANSWERS


#: Who does things at the desk; the reporter by whoever is told the PIN.
STAFF = set(Actor) - {Actor.SYSTEM}
#: Has a button of its own, beside the cases that it is about.
ELSEWHERE = {CaseEvent.MERGE}


@pytest.mark.parametrize("language", ["id", "en"])
def test_what_can_be_done_at_the_desk_and_be_refused_there_has_words(language: str) -> None:
    words = set(re.findall(r"(\w+): \"", _words(f"desk.{language}.ts")))
    done = {event for (_, event), move in CASE_TABLE.items() if STAFF & move.by.keys()}
    needed = {field for move in CASE_TABLE.values() for field in move.needs}
    codes: set[StrEnum] = {*(done - ELSEWHERE), *needed, *WaitReason, *NoteKind, *List, *Emergency}
    codes |= {*Kind, *STATUTES, *AssignmentState}
    codes |= {*duplicates.Refusal, *assignments.Refusal}
    assert not {code.value for code in codes} - words - {"table", "glass"}
