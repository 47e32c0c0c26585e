"""What the guides print in bold within a table or a step is what stands on the pages."""

from __future__ import annotations

import re

import pytest

from callcenter import resources, topics
from callcenter.calls.facts import CallFact
from callcenter.calls.outcomes import OUTCOMES
from callcenter.cases.facts import CaseFact
from callcenter.cases.statuses import CaseStatus
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


def _on_pages(language: str) -> set[str]:
    """Every text of the pages in ``language``, and what the server names."""
    source = (ROOT / "ui" / "src" / "i18n" / f"{language}.ts").read_text(encoding="utf-8")
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
    source = (ROOT / "ui" / "src" / "i18n" / f"{language}.ts").read_text(encoding="utf-8")
    words = set(re.findall(r"^      (\w+): \"", source, re.MULTILINE))
    kinds = {kind.value for kinds in (CallFact, CaseFact, QueueFact, MessageFact) for kind in kinds}
    of_agents = {QueueFact.AGENT_STATE.value, QueueFact.DEVICE_CHANGED.value}
    assert not kinds - of_agents - words
    assert not {status.value for status in CaseStatus} - words
    assert not {reason.value for reason in Reason} - words
    assert not {*texts.TEMPLATES, *texts.MAILS} - words - ANSWERS
