"""One flow: whether every name in it points at something, and every caller gets somewhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from callcenter.ivr import flowset, graph, model
from callcenter.ivr.checks import compile_regex
from callcenter.ivr.errors import FlowError
from callcenter.ivr.expressions import BadExpression, Expression, Kind, compile_expression
from callcenter.ivr.files import Files, FlowFile
from callcenter.ivr.names import Known
from callcenter.ivr.source import Path
from callcenter.ivr.visit import Value
from callcenter.ivr.walk import FORGETTABLE


@dataclass
class Checked:
    """What was found on the way: errors, variables, expressions, patterns, prompts in use."""

    errors: list[FlowError] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)
    patterns: dict[str, re.Pattern[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)


def fits(variable: model.Variable, value: Value) -> bool:
    """Whether a variable may hold ``value``."""
    match variable.type:
        case "flag":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "enum":
            return value in variable.of
    return isinstance(value, str) and value.isdigit() and len(value) <= model.DIGITS


def near(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` when a known name is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


@dataclass
class FlowCheck:
    """Every node of one flow, and the ways between them."""

    files: Files
    checked: Checked
    name: str
    file: FlowFile
    flow: model.Flow

    def error(self, path: Path, message: str) -> None:
        self.checked.errors.append(self.file.document.error(path, message))

    def run(self) -> None:
        """Collect every mistake."""
        flow = self.flow
        if not self.file.nodes:
            self.error(("nodes",), "a flow needs nodes")
        if flow.language not in self.files.prompts:
            self.error(("language",), f"there is no prompts/{flow.language}.yaml")
        for name in ("start", "operator", "on_error", "on_hangup"):
            target = getattr(flow, name)
            if target is not None:
                self.target((name,), target)
        self.prompts(("on_error",), (flowset.SORRY,))
        for name, node in flow.nodes.items():
            self.node(("nodes", name), node)
        if self.file.whole:
            self.ways()
        self.hangup_ways()

    # --- nodes

    def node(self, at: Path, node: model.Node) -> None:
        for way in graph.exits(self.flow, node):
            if way.path != ("operator",):
                self.target((*at, *way.path), way.to)
        for name in ("prompt", "confirm", "consent", "silence", "wrong", "resumed"):
            prompts = getattr(node, name, None)
            if prompts:
                self.prompts((*at, name), prompts)
        match node:
            case model.Menu():
                self.menu(at, node)
            case model.LanguageChoice():
                self.language(at, node)
            case model.Collect():
                self.collect(at, node)
            case model.RecordMessage():
                self.record(at, node)
        self.look_ups(at, node)

    def look_ups(self, at: Path, node: model.Node) -> None:
        match node:
            case model.Hours():
                self.calendar((*at, "calendar"), node.calendar)
            case model.Set():
                self.set(at, node)
            case model.Branch():
                for index, case in enumerate(node.cases):
                    self.expression((*at, "cases", index, "when"), case.when, Kind.FLAG)
            case model.OpenCase() | model.Queue():
                self.topic((*at, "default_topic"), node.default_topic)
                if isinstance(node, model.OpenCase) and node.about is not None:
                    self.about((*at, "about"), node.about)
            case model.FindCase():
                self.digits((*at, "number"), node.number)
                self.secret((*at, "pin"), node.pin)
            case model.ChoosePin():
                self.secret((*at, "pin"), node.pin)

    def calendar(self, path: Path, name: str) -> None:
        if name not in self.files.calendars:
            self.error(path, f"unknown calendar '{name}'{near(name, self.files.calendars)}")

    def target(self, path: Path, name: str) -> None:
        if name not in self.file.nodes:
            self.error(path, f"unknown node '{name}'{near(name, self.file.nodes)}")

    def prompts(self, path: Path, keys: Iterable[str]) -> None:
        self.checked.used.update(keys)
        for key in keys:
            known = {key for file in self.files.prompts.values() for key in file.keys}
            if key not in known:
                self.error(path, f"unknown prompt '{key}'{near(key, known)}")

    def topic(self, path: Path, code: str) -> None:
        if code not in self.files.topics and self.files.topics_whole:
            self.error(path, f"unknown topic '{code}'{near(code, self.files.topics)}")

    def about(self, path: Path, code: str) -> None:
        known = self.files.lower_topics
        if code not in known and self.files.topics_whole:
            self.error(path, f"no topic within another is '{code}'{near(code, known)}")

    def menu(self, at: Path, node: model.Menu) -> None:
        self.prompts(at, (flowset.OPTION,))
        if node.repeats:
            self.label(at, flowset.REPEAT)
            if "*" in node.options:
                self.error((*at, "options", "*"), "this key says the menu again (repeats)")
        if self.flow.operator is not None and node.operator:
            self.label(at, flowset.OPERATOR)
            if "0" in node.options:
                self.error((*at, "options", "0"), "this key leads to the operator")
        for key, option in node.options.items():
            path = (*at, "options", key)
            self.spoken(path, option)
            if option.when is not None:
                self.expression((*path, "when"), option.when, Kind.FLAG)
            for name, value in option.set.items():
                self.assign((*path, "set", name), name, value)

    def spoken(self, path: Path, option: model.Option) -> None:
        if option.topic is not None:
            self.topic((*path, "topic"), option.topic)
        if option.label is not None:
            self.label((*path, "label"), option.label)
        if option.language is not None:
            self.offer((*path, "language"), option.language)
            if option.label is not None or option.topic is not None:
                self.error(path, "a language is offered in its own words, without label or topic")
        elif option.label is None and option.topic is None and not option.hidden:
            self.error(path, "label is missing")

    def label(self, path: Path, key: str) -> None:
        """A prompt that is put into a sentence."""
        self.prompts(path, (key,))
        for language, file in self.files.prompts.items():
            if key in file.prompts and file.prompts[key].plain() is None:
                self.error(path, f"the prompt '{key}' must be one plain text ({language})")

    def assign(self, path: Path, name: str, value: Value) -> None:
        variable = self.flow.vars.get(name)
        if variable is None:
            self.error(path, f"undeclared variable '{name}'{near(name, self.flow.vars)}")
        elif not fits(variable, value):
            self.error(path, f"'{value}' is no {variable.type} that '{name}' can hold")

    def language(self, at: Path, node: model.LanguageChoice) -> None:
        for key, language in node.options.items():
            self.offer((*at, "options", key), language)

    def offer(self, path: Path, language: str) -> None:
        self.prompts(path, (flowset.OFFER,))
        if language not in self.files.prompts:
            self.error(path, f"there is no prompts/{language}.yaml")

    def collect(self, at: Path, node: model.Collect) -> None:
        self.digits((*at, "save"), node.save)
        if node.confirm:
            self.prompts(at, (flowset.CONFIRM,))
        if node.star is not None and node.finish == "*":
            self.error((*at, "star"), "this key ends the digits (finish)")
        if node.min > node.max:
            self.error((*at, "max"), "is less than min")
        if node.check == "case_number" and not (node.min == node.max == 10):
            self.error((*at, "check"), "a case number has min 10 and max 10")
        if node.regex is not None:
            try:
                self.checked.patterns[node.regex] = compile_regex(node.regex)
            except ValueError as bad:
                self.error((*at, "regex"), str(bad))

    def digits(self, path: Path, name: str) -> model.Variable | None:
        variable = self.flow.vars.get(name)
        if variable is None:
            self.error(path, f"undeclared variable '{name}'{near(name, self.flow.vars)}")
        elif variable.type != "digits":
            self.error(path, f"'{name}' must be declared as digits")
        return variable

    def set(self, at: Path, node: model.Set) -> None:
        for name, value in node.vars.items():
            path = (*at, "vars", name)
            variable = self.flow.vars.get(name)
            if variable is None or not isinstance(value, str):
                self.assign(path, name, value)
                continue
            kind = {"number": Kind.NUMBER, "flag": Kind.FLAG}.get(variable.type, Kind.TEXT)
            self.expression(path, value, kind, into=variable)
        for name in node.forget:
            if name not in self.flow.vars and name not in FORGETTABLE:
                known = [*self.flow.vars, *FORGETTABLE]
                self.error((*at, "forget"), f"can't forget '{name}'{near(name, known)}")

    def expression(
        self, path: Path, text: str, kind: Kind, into: model.Variable | None = None
    ) -> None:
        known = self.checked.known
        seen = {
            name: what.kind
            for name, what in known.items()
            if name in self.flow.vars or name not in _declared(self.files)
        }
        try:
            found = compile_expression(text, seen)
        except BadExpression as bad:
            self.error(path, str(bad))
            return
        if found.kind not in (kind, Kind.NONE) or (found.kind is Kind.NONE and into is None):
            self.error(path, f"a {found.kind}, where a {kind} is wanted")
        secret = sorted(name for name in found.names if known[name].sensitive)
        if into is not None and secret and not into.sensitive:
            self.error(path, f"'{secret[0]}' is sensitive and can't be copied")
        self.checked.expressions[text] = found

    def record(self, at: Path, node: model.RecordMessage) -> None:
        if (node.consent is None) != (node.on_refuse is None):
            self.error(at, "consent and on_refuse belong together")
        if node.consent:
            self.prompts(at, (flowset.CONSENT,))

    def secret(self, path: Path, name: str) -> None:
        variable = self.digits(path, name)
        if variable is not None and not variable.sensitive:
            self.error(path, f"'{name}' must be declared as sensitive")

    # --- the way through

    def ways(self) -> None:
        roots = [self.flow.start, self.flow.on_error]
        if self.flow.on_hangup is not None:
            roots.append(self.flow.on_hangup)
        reached = graph.reachable(self.flow, roots)
        finishing = graph.finishing(self.flow)
        restless = graph.restless(self.flow)
        music = any(isinstance(node, model.WaitMusic) for node in self.flow.nodes.values())
        for name in self.flow.nodes:
            at = ("nodes", name)
            if name not in reached:
                self.error(at, "no way leads here")
            if name not in finishing and not music:
                self.error(at, "no way leads from here to an end (hangup, return or leave)")
            if name in restless:
                self.error(at, "a circle in which nothing waits for the caller")

    def hangup_ways(self) -> None:
        """After the caller is gone nothing can be asked or said."""
        if self.flow.on_hangup is None:
            return
        silent = model.Set | model.Branch | model.AppendCase | model.Hangup
        for name in sorted(graph.reachable(self.flow, [self.flow.on_hangup])):
            if not isinstance(self.flow.nodes[name], silent):
                message = "reached from on_hangup, where only set, branch, case append and hangup"
                self.error(("nodes", name), f"{message} have a meaning")


def _declared(files: Files) -> set[str]:
    return {name for file in files.flows.values() if file.flow for name in file.flow.vars}
