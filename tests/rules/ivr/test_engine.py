"""What each kind of node does, on small flows."""

from __future__ import annotations

import msgspec
import pytest

from callcenter import line
from callcenter.ivr import engine, needs
from callcenter.ivr.visit import INPUTS_AFTER_ERROR, INPUTS_PER_CALL, NODES_PER_STEP
from tests.rules.ivr.small import NOW, Caller, flow_set, texts

MENU = """
start: m
on_error: failed
operator: person
vars: {colour: {type: enum, of: [red, blue]}}
nodes:
  m:
    type: menu
    prompt: ask
    options:
      "1": {label: label.one, to: chosen, set: {colour: red}}
      "2": {topic: upah, to: chosen}
      "7": {to: chosen, hidden: true}
    repeats: 1
    attempts: 3
    on_fail: failed
  chosen: {type: hangup, prompt: bye}
  failed: {type: hangup, prompt: hello}
  person: {type: hangup, prompt: label.one}
"""


def test_menu_names_the_option_before_the_key_and_pauses_between() -> None:
    caller = Caller(flow_set(MENU))
    assert texts(caller.step) == [
        "Silakan jawab.",
        "Untuk yang pertama, tekan satu.",
        "Untuk upah, tekan dua.",
        "Untuk petugas, tekan nol.",
        "Untuk mengulang, tekan bintang.",
    ]
    pauses = [part for part in caller.step.steps if isinstance(part, line.Pause)]
    assert [pause.ms for pause in pauses] == [500] * 4
    assert caller.wait() == line.Keys(most=1, first_ms=6000)


def test_menu_choices() -> None:
    caller = Caller(flow_set(MENU))
    assert texts(caller.keys("1")) == ["Selamat tinggal."]
    assert caller.visit.vars == {"colour": "red"}
    caller = Caller(flow_set(MENU))
    assert texts(caller.keys("2")) == ["Selamat tinggal."]
    assert caller.visit.topic == "upah"
    assert caller.notes == [("topic_chosen", {"topic": "upah"})]
    assert texts(Caller(flow_set(MENU)).keys("7")) == ["Selamat tinggal."]
    assert texts(Caller(flow_set(MENU)).keys("0")) == ["yang pertama"]


def test_silence_and_wrong_keys_have_their_own_words_and_counters() -> None:
    caller = Caller(flow_set(MENU))
    assert texts(caller.silent())[0] == "Diam satu."
    assert texts(caller.keys("9"))[0] == "Salah satu."
    assert texts(caller.silent())[0] == "Diam dua."
    assert texts(caller.keys("9"))[0] == "Salah dua."
    assert texts(caller.keys("9")) == ["Halo."]
    assert caller.notes == [("node_failed", {"node": "m", "reason": "wrong"})]


def test_silence_fails_too() -> None:
    caller = Caller(flow_set(MENU))
    caller.silent()
    caller.silent()
    assert texts(caller.silent()) == ["Halo."]
    assert caller.notes == [("node_failed", {"node": "m", "reason": "silence"})]


def test_star_repeats_as_often_as_allowed() -> None:
    caller = Caller(flow_set(MENU))
    assert texts(caller.keys("*"))[0] == "Silakan jawab."
    assert texts(caller.keys("*"))[0] == "Salah satu."


COLLECT = """
start: c
on_error: failed
operator: person
vars: {number: {type: digits}}
nodes:
  c:
    type: collect
    prompt: ask
    save: number
    min: 3
    max: 5
    regex: "[1-9][0-9]{2,4}"
    confirm: confirm
    next: done
    on_fail: failed
  done: {type: hangup, prompt: bye}
  failed: {type: hangup, prompt: hello}
  person: {type: hangup, prompt: label.one}
"""
CONFIRM = {"id": "confirm: 'Nomor: {number|digits}'", "en": "confirm: 'Number: {number|digits}'"}


def test_collect_reads_back_and_confirms() -> None:
    caller = Caller(flow_set(COLLECT, CONFIRM))
    assert caller.wait() == line.Keys(most=5, first_ms=8000, inter_ms=4000, finish="#")
    assert texts(caller.keys("12345")) == [
        "Nomor:", "satu", "dua", "tiga", "empat", "lima", "Benar, tekan satu. Salah, tekan dua.",
    ]  # fmt: skip
    assert texts(caller.keys("2")) == ["Salah satu.", "Silakan jawab."]
    assert caller.visit.vars == {}
    caller.keys("123")
    assert texts(caller.silent())[0] == "Diam satu."
    assert texts(caller.keys("7"))[0] == "Salah dua."
    assert texts(caller.keys("1")) == ["Selamat tinggal."]
    assert caller.visit.vars == {"number": "123"}


@pytest.mark.parametrize("digits", ["", "12", "012", "123456", "12*", "１２３"])
def test_collect_refuses(digits: str) -> None:
    caller = Caller(flow_set(COLLECT, CONFIRM))
    assert texts(caller.keys(digits))[0] == "Salah satu."
    assert caller.visit.vars == {}


def test_collect_operator_and_repeat() -> None:
    caller = Caller(flow_set(COLLECT, CONFIRM))
    for _ in range(3):
        assert texts(caller.keys("*")) == ["Silakan jawab."]
    assert texts(caller.keys("*"))[0] == "Salah satu."
    assert texts(caller.keys("0")) == ["yang pertama"]
    caller = Caller(flow_set(COLLECT, CONFIRM))
    caller.keys("123")
    assert texts(caller.keys("0")) == ["yang pertama"]


MOVING = """
start: s
on_error: bye
vars:
  n: {type: number, initial: 1}
  m: {type: number}
  f: {type: flag}
nodes:
  s: {type: say, prompt: hello, barge_in: false, next: set}
  set: {type: set, vars: {n: n + 1, m: 7, f: "n > 5"}, next: b}
  b:
    type: branch
    cases:
      - {when: n == 3 and not f, to: three}
      - {when: f, to: bye}
    else: s
  three: {type: set, vars: {n: m + n}, forget: [m, f], next: unknown}
  unknown: {type: branch, cases: [{when: m > 1, to: s}], else: bye}
  bye: {type: hangup, prompt: bye}
"""


def test_say_that_must_be_heard_then_set_and_branch() -> None:
    caller = Caller(flow_set(MOVING))
    assert caller.wait() == line.PromptsEnd(barge_in=False)
    heard = line.PromptsEnded("leg", 1)
    caller.does(heard)
    assert caller.visit.vars == {"n": 2, "m": 7, "f": False}
    assert texts(caller.does(heard)) == ["Selamat tinggal."]
    assert caller.visit.vars == {"n": 10}
    assert caller.wait() == line.Gone()


HOURS = """
start: h
on_error: open
nodes:
  h: {type: hours, calendar: office, open: open, closed: closed, holiday: holiday}
  open: {type: hangup, prompt: hello}
  closed: {type: hangup, prompt: bye}
  holiday: {type: hangup, prompt: label.one}
"""
DAY = 86_400_000


@pytest.mark.parametrize(
    "now, said",
    [(NOW, "Halo."), (NOW + DAY, "Selamat tinggal."), (NOW - DAY, "yang pertama")],
)
def test_hours(now: int, said: str) -> None:
    assert texts(Caller(flow_set(HOURS), now).step) == [said]
    assert texts(Caller(flow_set(HOURS), now, always_open=True).step) == ["Halo."]


RECORD = """
start: open
on_error: failed
nodes:
  open: {type: case, action: open, default_topic: info, next: r}
  r:
    type: record
    consent: ask
    prompt: hello
    max_s: 60
    next: append
    on_empty: empty
    on_refuse: refused
  append: {type: case, action: append, next: bye}
  bye: {type: hangup, prompt: bye}
  empty: {type: hangup, prompt: hello}
  refused: {type: hangup, prompt: label.one}
  failed: {type: hangup, prompt: silence.1}
"""
OPENED = needs.CaseOpened("c1", "2648151621", "123456")


def recording() -> Caller:
    caller = Caller(flow_set(RECORD))
    assert caller.need() == needs.OpenCase("info", "id")
    caller.does(OPENED)
    return caller


def test_consent_then_the_recording_goes_to_the_case() -> None:
    caller = recording()
    assert texts(caller.step) == ["Silakan jawab.", "Setuju, tekan satu. Tidak, tekan dua."]
    caller.keys("1")
    assert caller.notes == [("consent_given", {"node": "r"})]
    assert caller.wait() == line.Recording(name="", most_s=60, silence_s=5)
    caller.does(line.RecordingMade("leg", 1, "rec-1", 12))
    assert caller.need() == needs.AppendCase("c1", "rec-1", 12)
    assert texts(caller.does(needs.CaseAppended())) == ["Selamat tinggal."]
    assert caller.visit.recording is None


def test_nothing_said() -> None:
    caller = recording()
    caller.keys("1")
    assert texts(caller.does(line.RecordingMade("leg", 1, "rec-1", 0))) == ["Halo."]


@pytest.mark.parametrize("answers", [["2"], ["", "", ""], ["5", "", "9"]])
def test_without_consent_nothing_is_recorded(answers: list[str]) -> None:
    caller = recording()
    for key in answers:
        if key:
            caller.keys(key)
        else:
            caller.silent()
    assert texts(caller.step) == ["yang pertama"]
    assert caller.notes[-1] == ("consent_refused", {"node": "r"})


FIND = """
start: n
on_error: failed
vars: {number: {type: digits}, secret: {type: digits, sensitive: true}}
nodes:
  n:
    type: collect
    prompt: ask
    save: number
    min: 10
    max: 10
    check: case_number
    next: p
    on_fail: failed
  p: {type: collect, prompt: ask, save: secret, min: 6, max: 6, next: f, on_fail: failed}
  f:
    type: case
    action: find
    number: number
    pin: secret
    found: found
    not_found: n
    locked: locked
  found: {type: menu, options: {"1": {label: label.one, to: locked}}, on_fail: failed}
  locked: {type: hangup, prompt: bye}
  failed: {type: hangup, prompt: hello}
"""


def finding() -> Caller:
    caller = Caller(flow_set(FIND))
    caller.keys("2648151621")
    caller.keys("123456")
    assert caller.need() == needs.FindCase("2648151621", "123456")
    return caller


FOUND = needs.CaseFound("c1", "2648151621", "new", "upah", "WAS", NOW)


@pytest.mark.parametrize(
    "answer",
    [FOUND, needs.CaseNotFound(), needs.CaseLocked(), needs.NeedFailed("gone")],
)
def test_a_pin_that_was_keyed_in_is_forgotten_with_the_answer(answer: needs.Answer) -> None:
    caller = finding()
    caller.does(answer)
    assert b"123456" not in caller.visit.encode()


def test_what_is_known_of_a_found_case() -> None:
    caller = finding()
    caller.does(FOUND)
    visit = caller.visit
    assert (visit.case, visit.case_number, visit.status) == ("c1", "2648151621", "new")
    assert (visit.topic, visit.unit, visit.due, visit.pin) == ("upah", "WAS", NOW, None)
    caller = finding()
    caller.does(msgspec.structs.replace(FOUND, topic="no_more"))
    assert caller.visit.topic is None


def test_a_wrong_check_digit_is_not_looked_up() -> None:
    caller = Caller(flow_set(FIND))
    assert texts(caller.keys("2648151622"))[0] == "Salah satu."
    assert caller.need() is None


TOLD = {
    "id": "told: '{case_number|case_number} PIN: {pin|pin}. Simpan.'",
    "en": "told: '{case_number|case_number} PIN: {pin|pin}. Keep it.'",
}
TELL = """
start: open
on_error: bye
nodes:
  open: {type: case, action: open, default_topic: info, next: tell}
  tell: {type: say, prompt: told, barge_in: false, next: forget}
  forget: {type: set, forget: pin, next: again}
  again: {type: case, action: open, default_topic: upah, next: bye}
  bye: {type: hangup, prompt: bye}
"""


def test_number_in_groups_pin_digit_by_digit_and_then_forgotten() -> None:
    caller = Caller(flow_set(TELL, TOLD))
    caller.does(OPENED)
    assert b"123456" in caller.visit.encode()
    assert texts(caller.step) == [
        "dua enam", "empat delapan satu lima", "satu enam dua satu", "PIN:",
        "satu", "dua", "tiga", "empat", "lima", "enam", "Simpan.",
    ]  # fmt: skip
    assert "123456" not in str(caller.step.notes)
    caller.does(line.PromptsEnded("leg", 1))
    assert b"123456" not in caller.visit.encode()
    # a call that has a case keeps it
    assert caller.need() is None
    assert caller.visit.case == "c1"


CALL = """
start: c
on_error: bye
nodes:
  c: {type: call, flow: inner, next: bye, exits: {other: hello}}
  hello: {type: hangup, prompt: hello}
  bye: {type: hangup, prompt: bye}
"""
INNER = """
start: m
on_error: back
on_hangup: clean
vars: {n: {type: number}}
nodes:
  m:
    type: menu
    options: {"1": {label: label.one, to: back}, "2": {label: label.one, to: other}}
    on_fail: back
  back: {type: return}
  other: {type: return, exit: other}
  clean: {type: set, vars: {n: 1}, next: append}
  append: {type: case, action: append, next: end, on_fail: end}
  end: {type: hangup, prompt: bye}
"""


@pytest.mark.parametrize("key, said", [("1", "Selamat tinggal."), ("2", "Halo.")])
def test_calling_another_flow(key: str, said: str) -> None:
    caller = Caller(flow_set(CALL, inner=INNER))
    assert caller.visit.flow == "inner"
    assert texts(caller.keys(key)) == [said]
    assert caller.visit.flow == "main"
    assert caller.visit.frames == ()


def test_on_hangup_says_nothing_and_asks_nothing_of_the_caller() -> None:
    caller = Caller(flow_set(CALL, inner=INNER))
    done = caller.gone()
    assert done.visit.finished
    assert done.steps == ()
    assert done.visit.stage == "m"
    assert [node for _, node in done.path] == ["clean", "append", "end"]
    assert caller.gone().refused


def test_on_hangup_may_need_something_and_the_nearest_one_counts() -> None:
    main = INNER.replace("on_hangup: clean", "").replace(
        "  m:\n", "  open: {type: case, action: open, default_topic: info, next: m}\n  m:\n"
    )
    outer = """
start: c
on_error: bye
on_hangup: append
nodes:
  c: {type: call, flow: inner, next: bye, exits: {other: bye}}
  append: {type: case, action: append, next: bye}
  bye: {type: hangup, prompt: bye}
"""
    main = main.replace("start: m", "start: open").replace(
        "  clean: {type: set, vars: {n: 1}, next: append}\n"
        "  append: {type: case, action: append, next: end, on_fail: end}\n"
        "  end: {type: hangup, prompt: bye}\n",
        "",
    )
    caller = Caller(flow_set(outer, inner=main))
    caller.does(OPENED)
    done = caller.gone()
    assert done.need == needs.AppendCase("c1", None, 0)
    assert not done.visit.finished
    done = caller.does(needs.NeedFailed("gone"))
    assert done.visit.finished
    assert done.visit.pin is None
    assert done.visit.vars == {}


LOOP = """
start: m
on_error: failed
nodes:
  m: {type: menu, options: {"1": {label: label.one, to: m}}, on_fail: failed}
  failed: {type: menu, options: {"1": {label: label.one, to: failed}}, on_fail: bye}
  bye: {type: hangup, prompt: bye}
"""


def test_inputs_of_a_call_are_limited() -> None:
    caller = Caller(flow_set(LOOP))
    for _ in range(INPUTS_PER_CALL):
        caller.keys("1")
        assert caller.visit.node == "m"
    caller.keys("1")
    assert caller.visit.node == "failed"
    assert caller.notes[0] == ("limit_crossed", {"node": "m", "limit": "inputs_per_call"})
    for _ in range(INPUTS_AFTER_ERROR - 1):
        caller.keys("1")
        assert caller.visit.node == "failed"
    assert texts(caller.keys("1")) == ["Maaf."]
    assert caller.wait() == line.Gone()


# that these two flows only ever bounce is not written in their ways
BOUNCE = """
start: c
on_error: bye
nodes:
  c: {type: call, flow: inner, next: c, exits: {other: bye}}
  bye: {type: hangup, prompt: bye}
"""
BACK = """
start: b
on_error: r
vars: {n: {type: number, initial: 0}}
nodes:
  b: {type: branch, cases: [{when: n > 0, to: other}], else: r}
  r: {type: return}
  other: {type: return, exit: other}
"""


def test_nodes_of_a_step_are_limited() -> None:
    caller = Caller(flow_set(BOUNCE, inner=BACK))
    crossed = [note.data["limit"] for note in caller.step.notes if note.kind == "limit_crossed"]
    assert crossed == ["nodes_per_step"] * 2
    assert len(caller.step.path) == 2 * NODES_PER_STEP
    assert texts(caller.step) == ["Maaf."]
    assert caller.wait() == line.Gone()


def test_needs_that_never_help_are_limited_too() -> None:
    main = """
start: open
on_error: open
nodes:
  open: {type: case, action: open, default_topic: info, next: bye, on_fail: w}
  w: {type: call, flow: inner, next: open}
  bye: {type: hangup, prompt: bye}
"""
    inner = "start: r\non_error: r\nnodes: {r: {type: return}}\n"
    caller = Caller(flow_set(main, inner=inner))
    for _ in range(200):
        if caller.need() is None:
            break
        caller.does(needs.NeedFailed("gone"))
    assert caller.wait() == line.Gone()
    assert texts(caller.step) == ["Maaf."]


def test_another_version_of_the_flows_is_not_walked_by_mistake() -> None:
    caller = Caller(flow_set(MENU))
    with pytest.raises(ValueError, match="another version"):
        engine.step(flow_set(HOURS), caller.visit, line.Silence("leg", 1), NOW)


def test_unknown_beginnings() -> None:
    flows = flow_set(MENU)
    with pytest.raises(KeyError):
        engine.begin(flows, flow="zzz", now=NOW)
    with pytest.raises(KeyError):
        engine.begin(flows, flow="main", now=NOW, timezone="Asia/Atlantis")


AUDIO = {
    "id": "tape: [{text: Selamat datang., audio: id/welcome}, {pause: 200ms}, Silakan.]",
    "en": "tape: [{text: Welcome., audio: en/welcome}, {pause: 200ms}, Please.]",
}


def test_recorded_prompts_keep_their_text() -> None:
    flow = "start: a\non_error: a\nnodes: {a: {type: hangup, prompt: tape}}\n"
    assert Caller(flow_set(flow, AUDIO)).step.steps == (
        line.Play("id/welcome", "Selamat datang.", "id"),
        line.Pause(200),
        line.Say("Silakan.", "id"),
    )
