"""How a caller comes to another language than the flow's: by a menu's option, or by a node."""

from __future__ import annotations

import pytest

from callcenter import line
from tests.rules.ivr.small import Caller, flow_set, texts

LANGUAGE = """
start: l
on_error: bye
nodes:
  l: {type: language, options: {"9": en}, next: bye}
  bye: {type: hangup, prompt: bye}
"""


@pytest.mark.parametrize("key, language, said", [("9", "en", "Goodbye."), ("4", "id", "Selamat")])
def test_language_is_offered_in_itself(key: str, language: str, said: str) -> None:
    caller = Caller(flow_set(LANGUAGE))
    assert caller.step.steps[0] == line.Say("For English, press nine.", "en")
    caller.keys(key)
    assert caller.visit.language == language
    assert caller.notes == [("language_chosen", {"language": language})]
    step = caller.step.steps[0]
    assert isinstance(step, line.Say)
    assert step.language == language
    assert step.text.startswith(said)


def test_silence_keeps_the_language() -> None:
    caller = Caller(flow_set(LANGUAGE))
    caller.silent()
    assert caller.visit.language == "id"
    assert caller.notes == [("language_chosen", {"language": "id"})]


OFFERS = """
start: m
on_error: bye
nodes:
  m:
    type: menu
    options:
      "9": {language: en, to: m}
      "8": {language: id, to: m}
      "7": {language: en, to: bye, hidden: true}
      "1": {label: label.one, to: bye}
    repeats: 0
    on_fail: bye
  bye: {type: hangup, prompt: bye}
"""


def test_a_menu_offers_another_language_in_itself_and_goes_on_in_it() -> None:
    caller = Caller(flow_set(OFFERS))
    assert caller.step.steps == (
        line.Say("For English, press nine.", "en"),
        line.Pause(500),
        line.Say("Untuk yang pertama, tekan satu.", "id"),
        line.Pause(500),
    )
    assert caller.step.said == ("language.offer", "menu.option")
    assert caller.wait() == line.Keys(most=1, first_ms=6000)
    assert texts(caller.keys("9")) == [
        "Bahasa Indonesia, tekan delapan.",
        "For the first, press one.",
    ]
    assert caller.notes == [("language_chosen", {"language": "en"})]
    assert caller.visit.language == "en"
    assert texts(caller.keys("8"))[0] == "For English, press nine."
    assert caller.visit.language == "id"
    assert texts(caller.keys("7")) == ["Goodbye."]
    assert caller.visit.language == "en"


def test_who_chooses_no_language_has_the_flow_s() -> None:
    caller = Caller(flow_set(OFFERS))
    assert texts(caller.silent())[0] == "Diam satu."
    caller.keys("1")
    assert caller.notes == []
    assert caller.visit.language == "id"
    caller = Caller(flow_set("language: en\n" + OFFERS))
    assert texts(caller.step)[0] == "Bahasa Indonesia, tekan delapan."
    assert texts(caller.keys("1")) == ["Goodbye."]
