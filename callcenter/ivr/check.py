"""All files together: whether what crosses a file fits.

Checks go on past mistakes: what could not be read is left out, and its names still count as known,
so that one mistake is told once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callcenter.ivr import flowset, model
from callcenter.ivr.errors import FlowError
from callcenter.ivr.files import Files, FlowFile, PromptFile
from callcenter.ivr.flowcheck import Checked, FlowCheck, fits, near
from callcenter.ivr.names import Known, builtin, declared
from callcenter.ivr.prompts import BadPrompt, Prompt, Read, Slot, parse_text
from callcenter.ivr.source import Document, Path
from callcenter.ivr.visit import FRAMES
from callcenter.topics import amiss

#: Slots that only these prompts have; they are read as words.
SPECIAL_SLOTS: Mapping[str, tuple[str, ...]] = {
    flowset.OPTION: ("label", "key"),
    flowset.OFFER: ("key",),
}
#: Slots of what a ``tell`` node says of openings, also read as words.
TOLD_SLOTS = ("opened", "offices")


def check_files(files: Files, topics: frozenset[str] | None) -> Checked:
    """Check everything that crosses a file."""
    checked = Checked()
    _check_topics(files, topics, checked)
    _check_languages(files, checked)
    _declare(files, checked)
    if not files.flows:
        checked.errors.append(FlowError("flows", 1, "", "there are no flows"))
    for name, file in files.flows.items():
        if file.flow is not None:
            FlowCheck(files, checked, name, file, file.flow).run()
    _check_nesting(files, checked)
    _check_prompts(files, checked)
    return checked


def _check_topics(files: Files, topics: frozenset[str] | None, checked: Checked) -> None:
    document = files.topics_document
    for code in files.topics:
        if topics is not None and code not in topics:
            message = "the application does not know this topic"
            checked.errors.append(document.error(("topics", code), message))
    every = {**files.topics, **files.lower_topics}
    for code, topic in every.items():
        at = ("topics", code)
        own = {name: getattr(topic, name) for name in ("track", "priority", "resolve_days")}
        for name, why in amiss(topic.within, own, topic.head_start_s, files.topics):
            checked.errors.append(document.error((*at, name), why))
        missing = ", ".join(sorted(files.prompts.keys() - topic.label.keys()))
        if missing:
            checked.errors.append(document.error((*at, "label"), f"no label in {missing}"))
        for language, label in topic.label.items():
            try:
                plain = Prompt(parse_text(label)).plain()
            except BadPrompt as bad:
                checked.errors.append(document.error((*at, "label", language), str(bad)))
            else:
                if plain is None:
                    message = "a label is spoken: it can't hold slots"
                    checked.errors.append(document.error((*at, "label", language), message))
    if files.topics_whole:
        checked.errors += [
            document.error(("topics",), f"the topic '{code}' is missing")
            for code in sorted((topics or frozenset()) - every.keys())
        ]


def _check_languages(files: Files, checked: Checked) -> None:
    """Every prompt is there in every language."""
    every = {key for file in files.prompts.values() for key in file.keys}
    for file in files.prompts.values():
        for key in sorted(every - file.keys):
            checked.errors.append(file.document.error((), f"the prompt '{key}' is missing"))


def _declare(files: Files, checked: Checked) -> None:
    units = sorted({topic.unit for topic in files.topics.values()})
    builtins = builtin(files.topics, files.prompts, units)
    checked.known.update(builtins)
    first: dict[str, model.Variable] = {}
    for file in files.flows.values():
        for name, variable in (file.flow.vars if file.flow else {}).items():
            at = ("vars", name)
            if name in builtins:
                checked.errors.append(
                    file.document.error(at, "every flow has a variable of this name")
                )
            elif first.setdefault(name, variable) != variable:
                message = "declared otherwise in another flow: variables are shared"
                checked.errors.append(file.document.error(at, message))
            else:
                checked.known[name] = declared(variable)
                _check_variable(file.document, at, variable, checked)
    if len(first) > model.VARIABLES:
        message = f"more than {model.VARIABLES} variables in all flows"
        checked.errors.append(FlowError("flows", 1, "", message))


def _check_variable(
    document: Document, at: Path, variable: model.Variable, checked: Checked
) -> None:
    if (variable.type == "enum") != bool(variable.of):
        checked.errors.append(document.error(at, "'of' belongs to an enum, which needs it"))
    if variable.sensitive and variable.type != "digits":
        checked.errors.append(document.error(at, "only digits can be sensitive"))
    if variable.initial is not None and not fits(variable, variable.initial):
        at = (*at, "initial")
        checked.errors.append(document.error(at, f"'{variable.initial}' is no {variable.type}"))


# --- flows inside flows -------------------------------------------------------------------------


def _check_nesting(files: Files, checked: Checked) -> None:
    """Flows inside others: that they exist, and what belongs in which."""
    places: dict[str, set[str]] = {}
    for _, at, file, node in _nodes(files):
        for field, inner in _inner(node):
            places.setdefault(inner, set()).add(field)
            _check_inner(files, checked, file, (*at, field), inner)
        if isinstance(node, model.Queue | model.CallFlow):
            _check_exits(files, checked, file, at, node)
        if isinstance(node, model.Queue) and node.called_back is None:
            _check_callback(files, checked, file, at, node.while_waiting)
    for name, fields in sorted(places.items()):
        if name in files.flows and len(fields) > 1:
            ways = " and as ".join(f"'{field}'" for field in sorted(fields))
            message = f"used as {ways}; make flows of their own of it"
            checked.errors.append(files.flows[name].document.error(("flow",), message))
    for name, at, file, node in _nodes(files):
        wrong = _misplaced(node, places.get(name, set()))
        if wrong:
            checked.errors.append(file.document.error(at, wrong))
    waiting = {name for name, fields in places.items() if "while_waiting" in fields}
    for name in sorted(waiting & files.flows.keys()):
        flow = files.flows[name].flow
        if flow and not any(isinstance(node, model.WaitMusic) for node in flow.nodes.values()):
            message = "a waiting flow needs a wait node, to come back to"
            checked.errors.append(files.flows[name].document.error(("nodes",), message))
    _check_depth(files, checked)


def _nodes(files: Files) -> Iterator[tuple[str, Path, FlowFile, model.Node]]:
    """Every node of every flow: its flow's name, its place, its file."""
    for name, file in files.flows.items():
        for node_name, node in (file.flow.nodes if file.flow else {}).items():
            yield name, ("nodes", node_name), file, node


def _check_inner(files: Files, checked: Checked, file: FlowFile, at: Path, name: str) -> None:
    if name not in files.flows:
        message = f"unknown flow '{name}'{near(name, files.flows)}"
        checked.errors.append(file.document.error(at, message))


def _check_exits(
    files: Files,
    checked: Checked,
    file: FlowFile,
    at: Path,
    node: model.Queue | model.CallFlow,
) -> None:
    """The exits that the inner flows name are the ones that are listed."""
    every: set[str] = set()
    inner = [name for _, name in _inner(node)]
    for name in inner:
        found = files.flows.get(name)
        if found is None or found.flow is None or not found.whole:
            return
        named = {
            one.exit
            for one in found.flow.nodes.values()
            if isinstance(one, model.Leave | model.Return | model.Callback) and one.exit is not None
        }
        every |= named
        for exit_ in sorted(named - node.exits.keys()):
            message = f"the flow '{name}' leaves by '{exit_}', which is missing"
            checked.errors.append(file.document.error((*at, "exits"), message))
    of = " or ".join(f"'{name}'" for name in inner)
    for exit_ in sorted(node.exits.keys() - every):
        message = f"the flow {of} never leaves by '{exit_}'{near(exit_, every)}"
        checked.errors.append(file.document.error((*at, "exits", exit_), message))


def _check_callback(files: Files, checked: Checked, file: FlowFile, at: Path, inner: str) -> None:
    """Who is promised to be called back must hear something then."""
    found = files.flows.get(inner)
    nodes = found.flow.nodes.values() if found is not None and found.flow is not None else ()
    if any(isinstance(node, model.Callback) for node in nodes):
        message = f"the flow '{inner}' has a callback, so the queue needs called_back"
        checked.errors.append(file.document.error(at, message))


def _misplaced(node: model.Node, places: set[str]) -> str | None:
    """What is wrong with ``node`` in a flow that others use as ``places``."""
    waiting, back = "while_waiting" in places, "called_back" in places
    match node:
        case model.WaitMusic() | model.AskPosition() | model.Callback() if not waiting:
            return f"{node.type} belongs in a flow that a queue walks while waiting"
        case model.Leave() if not (waiting or back):
            return "leave belongs in a flow that a queue walks while waiting"
        case model.Rejoin() if not back:
            return "rejoin belongs in a flow for who is called back"
        case model.Hangup() if waiting:
            return "hangup has no place in a waiting flow: leave it first"
        case model.Queue() | model.CallFlow() | model.Return() if waiting or back:
            return f"{node.type} has no place in a waiting flow: leave it first"
        case model.Return() if "flow" not in places:
            return "return, but no flow calls this one"
    return None


def _check_depth(files: Files, checked: Checked) -> None:
    """Flows inside flows end, and stay within FRAMES."""
    depths: dict[str, int | None] = {}

    def depth(name: str) -> int:
        file = files.flows.get(name)
        if file is None or file.flow is None:
            return 0
        if name in depths:
            return FRAMES + 1 if depths[name] is None else depths[name] or 0
        depths[name] = None
        deepest = 0
        for node_name, node in file.flow.nodes.items():
            below = max((depth(inner) + 1 for _, inner in _inner(node)), default=0)
            if below > FRAMES and deepest <= FRAMES:
                message = f"flows inside flows, more than {FRAMES} deep or without end"
                checked.errors.append(file.document.error(("nodes", node_name), message))
            deepest = max(deepest, min(below, FRAMES))
        depths[name] = deepest
        return deepest

    for name in files.flows:
        depth(name)


def _inner(node: model.Node) -> tuple[tuple[str, str], ...]:
    """The flows that ``node`` leads into, by the fields that name them."""
    fields = ("while_waiting", "called_back", "flow")
    named = ((field, getattr(node, field, None)) for field in fields)
    return tuple((field, name) for field, name in named if isinstance(name, str))


# --- prompts ------------------------------------------------------------------------------------


def _check_prompts(files: Files, checked: Checked) -> None:
    special = {**SPECIAL_SLOTS, **_told(files)}
    for file in files.prompts.values():
        for key, prompt in file.prompts.items():
            for slot in prompt.slots():
                if slot.name in special.get(key, ()) and slot.read is Read.WORDS:
                    continue
                message = _bad_slot(checked, key, slot, special)
                if message:
                    checked.errors.append(file.document.error((key,), message))
                elif slot.read is Read.WORDS and slot.name in checked.known:
                    _check_words(checked, file, key, slot)


def _told(files: Files) -> dict[str, tuple[str, ...]]:
    """The prompts of ``tell`` nodes."""
    return {
        prompt: TOLD_SLOTS
        for _, _, _, node in _nodes(files)
        if isinstance(node, model.TellCase) and node.what == "openings"
        for prompt in node.prompt
    }


def _bad_slot(
    checked: Checked, key: str, slot: Slot, special: Mapping[str, tuple[str, ...]]
) -> str | None:
    if slot.name in special.get(key, ()):
        return f"{slot.name} is read as words here"
    known = checked.known.get(slot.name)
    if known is None:
        return f"unknown variable '{slot.name}'{near(slot.name, checked.known)}"
    if slot.read not in known.reads:
        ways = ", ".join(sorted(known.reads)) or "nothing"
        return f"'{slot.name}' can be read as {ways}, not as {slot.read}"
    return None


def _check_words(checked: Checked, file: PromptFile, key: str, slot: Slot) -> None:
    """The words of an enum are prompts of their own."""
    known: Known = checked.known[slot.name]
    if not known.prompted:
        return
    values = [*(value.lower() for value in known.values or ())]
    wanted = [f"{slot.name}.{value}" for value in (values if known.closed else [*values, "other"])]
    checked.used.update(wanted)
    for name in wanted:
        prompt = file.prompts.get(name)
        if name not in file.keys:
            message = f"needs the prompt '{name}'"
            checked.errors.append(file.document.error((key,), message))
        elif prompt is not None and prompt.plain() is None:
            checked.errors.append(file.document.error((name,), "must be one plain text"))
