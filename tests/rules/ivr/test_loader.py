"""Flow files: read, refused with every mistake, and read again from stored sources."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter import line, resources
from callcenter.ivr.checks import damm
from callcenter.ivr.draw import mermaid
from callcenter.ivr.engine import begin, step
from callcenter.ivr.lint import lint, locate, render
from callcenter.ivr.loader import FlowError, FlowErrors, load, parse
from callcenter.ivr.pretend import Pretend, settle
from tests.rules.ivr.small import NOW, TOPICS, flow_set, sources

GOOD = """
start: hello
on_error: bye
vars:
  name: {type: digits}
  count: {type: number, initial: 0}
  colour: {type: enum, of: [red, blue]}
  secret: {type: digits, sensitive: true}
nodes:
  hello: {type: say, prompt: hello, next: bye}
  bye: {type: hangup, prompt: bye}
"""


def refused(files: dict[str, str], topics: frozenset[str] | None = None) -> list[str]:
    with pytest.raises(FlowErrors) as bad:
        parse(files, topics)
    assert str(bad.value) == "\n".join(map(str, bad.value.errors))
    return [str(error) for error in bad.value.errors]


def with_node(text: str) -> list[str]:
    """The mistakes of a good flow with one more node, at line 14."""
    start = GOOD.replace("start: hello", "start: x").replace("next: bye", "next: x")
    return refused(sources({"main": start.rstrip() + f"\n  x: {text}\n"}))


def test_the_shipped_flows_are_good() -> None:
    flows = load(resources.flows())
    assert {"id", "en"} == set(flows.languages)
    assert {"main", "waiting", "called_back", "status", "message", "tell"} == set(flows.flows)
    assert lint(resources.flows()) == ()
    assert render(lint(resources.flows() / "flows" / "main.yaml")) == "no mistakes"


def test_stored_sources_give_the_same_flows() -> None:
    flows = load(resources.flows())
    again = parse(pickle.loads(pickle.dumps(dict(flows.sources))))
    assert again == flows
    assert again.hash == flows.hash
    assert again.flows == flows.flows
    crlf = {file: text.replace("\n", "\r\n") for file, text in flows.sources.items()}
    assert parse(crlf).hash == flows.hash


@pytest.mark.parametrize(
    "file", ["flows/main.yaml", "prompts/id.yaml", "calendars/kemnaker.yaml", "topics.yaml"]
)
def test_every_file_counts_in_the_hash(file: str) -> None:
    flows = load(resources.flows())
    changed = dict(flows.sources)
    changed[file] += "\n# another comment\n"
    assert parse(changed).hash != flows.hash


@pytest.mark.parametrize(
    "node, expected",
    [
        ("{type: say, prompt: hello}", "flows/main.yaml:14: nodes.x.next: is missing"),
        (
            "{type: say, prompt: hello, nxt: bye}",
            "flows/main.yaml:14: nodes.x.nxt: there is no such field here",
        ),
        ("{prompt: hello}", "flows/main.yaml:14: nodes.x: 'type' is missing"),
        ("{type: shout}", "flows/main.yaml:14: nodes.x: unknown 'type' 'shout'; there are 'say'"),
        (
            "{type: say, prompt: hello, next: bey}",
            "flows/main.yaml:14: nodes.x.next: unknown node 'bey' (did you mean 'bye'?)",
        ),
        (
            "{type: say, prompt: helo, next: bye}",
            "flows/main.yaml:14: nodes.x.prompt: unknown prompt 'helo' (did you mean 'hello'?)",
        ),
        (
            "{type: hours, calendar: offices, open: bye, closed: bye}",
            "nodes.x.calendar: unknown calendar 'offices' (did you mean 'office'?)",
        ),
        (
            "{type: case, action: open, default_topic: upahh, next: bye}",
            "nodes.x.default_topic: unknown topic 'upahh' (did you mean 'upah'?)",
        ),
        (
            "{type: case, action: shut, next: bye}",
            "nodes.x: unknown 'action' 'shut'; there are 'open', 'find', 'recall', 'resume', ",
        ),
        (
            "{type: case, action: find, number: name, pin: name, found: bye, not_found: bye,"
            " locked: bye}",
            "nodes.x.pin: 'name' must be declared as sensitive",
        ),
        (
            "{type: branch, cases: [{when: nam == none, to: bye}], else: bye}",
            "nodes.x.cases.0.when: unknown variable 'nam'",
        ),
        (
            "{type: branch, cases: [{when: count + 1, to: bye}], else: bye}",
            "nodes.x.cases.0.when: a number, where a flag is wanted",
        ),
        ("{type: branch, cases: [{when: name == none, to: bye}]}", "nodes.x.else: is missing"),
        (
            "{type: set, vars: {nmae: 1}, next: bye}",
            "nodes.x.vars.nmae: undeclared variable 'nmae' (did you mean 'name'?)",
        ),
        (
            "{type: set, vars: {count: true}, next: bye}",
            "nodes.x.vars.count: 'True' is no number that 'count' can hold",
        ),
        (
            "{type: set, vars: {name: secret}, next: bye}",
            "nodes.x.vars.name: 'secret' is sensitive and can't be copied",
        ),
        ("{type: set, forget: zzz, next: bye}", "nodes.x.forget: can't forget 'zzz'"),
        (
            "{type: collect, prompt: ask, save: zzz, min: 1, max: 2, next: bye, on_fail: bye}",
            "nodes.x.save: undeclared variable 'zzz'",
        ),
        (
            "{type: collect, prompt: ask, save: count, min: 3, max: 2, next: bye, on_fail: bye}",
            "nodes.x.save: 'count' must be declared as digits",
        ),
        (
            "{type: collect, prompt: ask, save: name, min: 3, max: 2, next: bye, on_fail: bye}",
            "nodes.x.max: is less than min",
        ),
        (
            "{type: collect, prompt: ask, save: name, min: 1, max: 10, check: case_number,"
            " next: bye, on_fail: bye}",
            "nodes.x.check: a case number has min 10 and max 10",
        ),
        (
            "{type: collect, prompt: ask, save: name, min: 1, max: 10, regex: '(1+)+',"
            " next: bye, on_fail: bye}",
            "nodes.x.regex: a pattern holds digits",
        ),
        (
            "{type: collect, prompt: ask, save: name, min: 1, max: '10', next: bye, on_fail: bye}",
            "nodes.x.max: '10' should be a whole number",
        ),
        (
            '{type: menu, options: {"*": {label: label.one, to: bye}}, on_fail: bye}',
            "nodes.x.options.*: this key says the menu again (repeats)",
        ),
        (
            '{type: menu, options: {"12": {label: label.one, to: bye}}, on_fail: bye}',
            "nodes.x.options.12: '12' must look like ^[0-9*#]$",
        ),
        (
            '{type: menu, options: {"1": {to: bye}}, on_fail: bye}',
            "nodes.x.options.1: label is missing",
        ),
        (
            '{type: menu, options: {"1": {topic: zzz, set: {colour: green}, to: bye}},'
            " on_fail: bye}",
            "nodes.x.options.1.set.colour: 'green' is no enum that 'colour' can hold",
        ),
        (
            '{type: menu, options: {"1": {label: label.one, to: bye}}}',
            "nodes.x.on_fail: is missing",
        ),
        (
            '{type: language, options: {"9": fr}, next: bye}',
            "nodes.x.options.9: there is no prompts/fr.yaml",
        ),
        (
            '{type: menu, options: {"9": {language: fr, to: bye}}, on_fail: bye}',
            "nodes.x.options.9.language: there is no prompts/fr.yaml",
        ),
        (
            '{type: menu, options: {"9": {language: en, label: label.one, to: bye}}, on_fail: bye}',
            "nodes.x.options.9: a language is offered in its own words, without label or topic",
        ),
        (
            '{type: menu, options: {"9": {language: en, topic: upah, to: bye}}, on_fail: bye}',
            "nodes.x.options.9: a language is offered in its own words, without label or topic",
        ),
        (
            '{type: menu, options: {"9": {language: en, to: eb}}, on_fail: bye}',
            "nodes.x.options.9.to: unknown node 'eb'",
        ),
        (
            "{type: record, prompt: ask, consent: ask, next: bye, on_empty: bye}",
            "nodes.x: consent and on_refuse belong together",
        ),
        (
            "{type: queue, default_topic: info, while_waiting: zzz, answered: bye, timeout: bye,"
            " nobody: bye}",
            "nodes.x.while_waiting: unknown flow 'zzz'",
        ),
        ("{type: call, flow: mainn, next: bye}", "nodes.x.flow: unknown flow 'mainn' (did you"),
        ("{type: call, flow: main, next: bye}", "nodes.x: flows inside flows, more than 4 deep"),
        ("{type: leave, exit: a}", "nodes.x: leave belongs in a flow that a queue walks"),
        ("{type: wait, seconds: 30, next: x}", "nodes.x: wait belongs in a flow that a queue"),
        ("{type: position, next: bye}", "nodes.x: position belongs in a flow that a queue walks"),
        ("{type: return}", "nodes.x: return, but no flow calls this one"),
        ("{type: say, prompt: hello, next: x}", "nodes.x: a circle in which nothing waits for the"),
        (
            "{type: say, prompt: hello, next: x}",
            "nodes.x: no way leads from here to an end (hangup, return or leave)",
        ),
        ("3", "nodes.x: '3'"),
    ],
)
def test_mistakes_in_a_node(node: str, expected: str) -> None:
    found = with_node(node)
    assert any(expected in error for error in found), found


def test_a_node_without_a_way_to_it() -> None:
    assert refused(sources({"main": GOOD + "  lost: {type: hangup, prompt: bye}\n"})) == [
        "flows/main.yaml:14: nodes.lost: no way leads here"
    ]


@pytest.mark.parametrize(
    "change, expected",
    [
        (("start: hello", "start: helo"), "flows/main.yaml:4: start: unknown node 'helo'"),
        (("start: hello\n", ""), "flows/main.yaml:1: start: is missing"),
        (("on_error: bye\n", ""), "flows/main.yaml:1: on_error: is missing"),
        (("on_error: bye", "on_error: bye\noperator: zzz"), "operator: unknown node 'zzz'"),
        (("on_error: bye", "on_error: bye\non_hangup: hello"), "nodes.hello: reached from on_hang"),
        (("on_error: bye", "on_error: bye\nlanguage: fr"), "language: there is no prompts/fr.yaml"),
        (("count:", "pin:"), "vars.pin: every flow has a variable of this name"),
        (("initial: 0", "initial: red"), "vars.count.initial: 'red' is no number"),
        (("[red, blue]", "[]"), "vars.colour: 'of' belongs to an enum, which needs it"),
        (("type: number", "type: number, sensitive: true"), "vars.count: only digits can be sens"),
        (("nodes:", "nodez:"), "nodez: there is no such field here"),
    ],
)
def test_mistakes_in_the_head(change: tuple[str, str], expected: str) -> None:
    found = refused(sources({"main": GOOD.replace(*change)}))
    assert any(expected in error for error in found), found


MENU = """
start: m
on_error: bye
operator: bye
nodes:
  m: {type: menu, options: {"0": {label: label.one, to: bye}}, on_fail: bye}
  bye: {type: hangup, prompt: bye}
"""
QUEUE = """
start: q
on_error: q
nodes:
  q:
    type: queue
    default_topic: info
    while_waiting: wait
    answered: bye
    timeout: bye
    nobody: bye
    exits: {a: bye}
  bye: {type: hangup, prompt: bye}
"""
WAIT = """
start: w
on_error: w
nodes:
  w: {type: wait, seconds: 30, keys: {"1": out}, next: w}
  out: {type: leave, exit: b}
"""


def test_key_zero_is_the_operator_s() -> None:
    found = refused(sources({"main": MENU}))
    assert found == ["flows/main.yaml:8: nodes.m.options.0: this key leads to the operator"]


def test_exits_must_match() -> None:
    assert refused(sources({"main": QUEUE, "wait": WAIT})) == [
        "flows/main.yaml:14: nodes.q.exits: the flow 'wait' leaves by 'b', which is missing",
        "flows/main.yaml:14: nodes.q.exits.a: the flow 'wait' never leaves by 'a'",
    ]


def test_a_waiting_flow_waits_and_does_not_hang_up() -> None:
    wait = "start: w\non_error: w\nnodes: {w: {type: hangup, prompt: bye}}\n"
    found = refused(sources({"main": QUEUE.replace("exits: {a: bye}", ""), "wait": wait}))
    assert found == [
        "flows/wait.yaml:5: nodes: a waiting flow needs a wait node, to come back to",
        "flows/wait.yaml:5: nodes.w: hangup has no place in a waiting flow: leave it first",
    ]


def test_variables_are_shared_between_flows() -> None:
    other = GOOD.replace("type: number, initial: 0", "type: flag")
    found = refused(sources({"main": GOOD, "other": other}))
    assert found == [
        "flows/other.yaml:8: vars.count: declared otherwise in another flow: variables are shared"
    ]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("x: Tekan 1.", "x: write numbers in words, or as a slot: voices read digits wrongly"),
        ("x: 'Halo {count}.'", "x: {count}: a slot is {variable|number|date|words|"),
        ("x: 'Halo {zzz|number}.'", "x: unknown variable 'zzz'"),
        ("x: 'Halo {secret|number}.'", "x: 'secret' can be read as digits, pin, not as number"),
        ("x: 'Halo {pin|digits}.'", "x: 'pin' can be read as pin, not as digits"),
        ("x: 'Halo {colour|words}.'", "x: needs the prompt 'colour.red'"),
        ("x: 'Halo {'", "x: a slot looks like {variable|number}"),
        ("x: ''", "x: a text has 1 to 600 characters"),
        ("x: [{pause: 9s}]", "x.0: a pause is 10ms to 5000ms, not '9s'"),
        ("x: [{audio: a}]", "x.0: a segment is a text"),
        ("x: [{text: 'Halo {count|number}', audio: a}]", "x.0: a recording can't hold a slot"),
        ("x: [{text: Halo, audio: ../a}]", "x.0: audio is a path such as id/welcome"),
        ("x: []", "x: says nothing"),
        ('x: "a\\u0000b"', "x: a character that can't be spoken"),
        ("X: Halo", "X: 'X' must look like"),
        ("x: 3", "x: a prompt is a text, or a list of"),
    ],
)
def test_mistakes_in_prompts(text: str, expected: str) -> None:
    found = refused(sources({"main": GOOD}, {"id": text, "en": "x: Hello."}))
    assert any(f"prompts/id.yaml:17: {expected}" in error for error in found), found


def test_every_language_has_every_prompt() -> None:
    assert refused(sources({"main": GOOD}, {"id": "x: Halo."})) == [
        "prompts/en.yaml:2: the prompt 'x' is missing"
    ]
    assert refused({**sources({"main": GOOD}), "prompts/fr.yaml": "hello: Bonjour."}) == [
        "prompts/fr.yaml:1: numbers can't be read in 'fr'; languages are id, en"
    ]


@pytest.mark.parametrize(
    "change, expected",
    [
        (("Asia/Jakarta", "Asia/Atlantis"), "timezone: unknown timezone 'Asia/Atlantis'"),
        (("country: ID", "country: XX"), "holidays.country: unknown country 'XX'"),
        (("[public, government]", "[school]"), "holidays.categories.0: unknown category 'school'"),
        (("08:00-16:00", "16:00-08:00"), "weekly.mon.0: '16:00-08:00' must begin after the hours"),
        (("13:00-16:00", "11:00-16:00"), "weekly.tue.1: '11:00-16:00' must begin after the hours"),
        (("08:00-16:00", "8:00-16:00"), "weekly.mon.0: '8:00-16:00' must look like"),
        (("2026-11-23", "2026-11-31"), "exceptions.2026-11-31: no such date"),
        (("calendar: office", "calendar: shop"), "calendar: the file's name says 'office'"),
        (("mon:", "monday:"), "weekly.monday: there is no such field here"),
    ],
)
def test_mistakes_in_calendars(change: tuple[str, str], expected: str) -> None:
    files = sources({"main": GOOD})
    files["calendars/office.yaml"] = files["calendars/office.yaml"].replace(*change)
    found = refused(files)
    assert any(f": {expected}" in error for error in found), found


def test_topics_are_those_of_the_application() -> None:
    files = sources({"main": GOOD})
    assert parse(files, frozenset({"upah", "info"})).topics.keys() == {"upah", "info"}
    assert refused(files, frozenset({"upah", "phk"})) == [
        "topics.yaml:2: topics: the topic 'phk' is missing",
        "topics.yaml:4: topics.info: the application does not know this topic",
    ]
    for change, expected in [
        ((", en: Wages", ""), "topics.yaml:3: topics.upah.label: no label in en"),
        (("en: Wages", "en: Wages 2"), "topics.yaml:3: topics.upah.label.en: write numbers in"),
        (("unit: WAS", "units: WAS"), "topics.yaml:3: topics.upah.unit: is missing"),
    ]:
        found = refused(sources({"main": GOOD}, topics=TOPICS.replace(*change)))
        assert any(expected in error for error in found), found


def test_all_mistakes_of_all_files_at_once(tmp_path: Path) -> None:
    files = sources({"main": GOOD.replace("prompt: hello", "prompt: helo")})
    files["prompts/id.yaml"] += "x: Tekan 1.\n"
    files["calendars/office.yaml"] += "zzz: 1\n"
    files["topics.yaml"] = files["topics.yaml"].replace("unit: WAS", "unit: was")
    files["flows/broken.yaml"] = "a: [1"
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    (tmp_path / "flows" / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FlowErrors) as bad:
        load(tmp_path)
    by_file = {error.file for error in bad.value.errors}
    assert by_file == {
        "flows/main.yaml",
        "flows/broken.yaml",
        "flows/binary.yaml",
        "prompts/id.yaml",
        "prompts/en.yaml",
        "calendars/office.yaml",
        "topics.yaml",
    }
    shown = render(lint(tmp_path / "flows" / "main.yaml"))
    assert shown.endswith(f"{len(bad.value.errors)} mistakes")
    assert "nodes.hello.prompt: unknown prompt 'helo'" in shown


LINES = [
    (file, number)
    for file, text in load(resources.flows()).sources.items()
    for number in range(text.count("\n"))
]
GARBAGE = st.sampled_from(
    [
        "",
        "zzz",
        "x: {}",
        "- 1",
        "{",
        "nodes: 3",
        "  next: ~",
        "  to: [1]",
        "vars: []",
        "  type: menu",
    ]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(LINES), GARBAGE | st.text(max_size=12)), max_size=3))
def test_whatever_is_in_the_files_they_are_read_or_refused(
    changes: list[tuple[tuple[str, int], str]],
) -> None:
    files = dict(load(resources.flows()).sources)
    for (file, number), text in changes:
        lines = files[file].split("\n")
        lines[min(number, len(lines) - 1)] = text
        files[file] = "\n".join(lines)
    for error in mistakes(files):
        assert error.line >= 1
        assert error.message


def mistakes(files: dict[str, str]) -> tuple[FlowError, ...]:
    """Why the files are refused. If they are not, a caller can walk them."""
    try:
        flows = parse(files)
    except FlowErrors as bad:
        return bad.errors
    for name in flows.flows:
        world = Pretend()
        found = settle(flows, begin(flows, flow=name, now=NOW), world, NOW)
        for key in "*1207#35":
            for event in (line.DigitsEntered("leg", 1, key), line.Silence("leg", 1)):
                later = step(flows, found.visit, event, NOW)
                if not later.refused:
                    found = settle(flows, later, world, NOW)
    return ()


def test_no_flows_at_all(tmp_path: Path) -> None:
    told = f"{tmp_path.as_posix()}:1: there are no flows\n1 mistake"
    assert render(lint(tmp_path)) == told  # the folder is named: it may be the wrong one
    assert refused({"zzz.txt": ""})[-1].startswith("zzz.txt:1: a file belongs in")


def test_where_a_file_belongs() -> None:
    folder = resources.flows()
    assert locate(folder) == (folder, None)
    assert locate(folder / "flows" / "status.yaml") == (folder, "status")
    assert locate(folder / "prompts" / "id.yaml") == (folder, None)
    assert locate(folder / "topics.yaml") == (folder, None)


def test_a_name_that_is_wrong_in_one_node_is_told_once() -> None:
    """A node that can't be read still counts as a target, and for the ways through."""
    found = with_node("{type: say, prompt: hello, next: bye, zzz: 1}")
    assert found == ["flows/main.yaml:14: nodes.x.zzz: there is no such field here"]


def test_drawing() -> None:
    drawn = mermaid(flow_set(MENU.replace('"0"', '"1"')).flows["main"])
    assert drawn.startswith("flowchart TD\n")
    assert 'n_m -->|"1, on_fail, 0"| n_bye' in drawn
    assert "start(( )) --> n_m" in drawn


def test_the_example_number_in_the_scenarios_is_a_right_one() -> None:
    assert damm("264815162") == "1"
