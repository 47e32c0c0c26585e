"""Nodes that ask the caller for keys: menu, language, collect, and the consent before a recording.

Silence and a wrong key are counted apart and answered by their own prompts, each more helpful than
the one before; when one of them is used up the node fails, which leads to a person or a message.
"""

from __future__ import annotations

from collections.abc import Callable

from callcenter import line
from callcenter.ivr import checks, flowset, model
from callcenter.ivr.expressions import NoValue
from callcenter.ivr.graph import offers_operator
from callcenter.ivr.needs import Answer
from callcenter.ivr.reader import READERS
from callcenter.ivr.walk import OPTION_PAUSE, Outcome, Walk

#: Silences, or wrong keys, until a question about consent counts as refused.
CONSENT_ATTEMPTS = 3
#: For the one key of a yes-or-no question, milliseconds.
YES_NO_MS = 8000
#: How often ``*`` says a collect's question again before it counts as wrong.
COLLECT_REPEATS = 3

AskingNode = model.Menu | model.LanguageChoice | model.Collect | model.RecordMessage
Event = line.DigitsEntered | line.Silence | line.PromptsEnded | line.RecordingMade | Answer


def enter(walk: Walk, node: AskingNode) -> Outcome:
    """Ask."""
    match node:
        case model.Menu():
            return _ask_menu(walk, node)
        case model.LanguageChoice():
            return _offer_languages(walk, node)
        case model.Collect():
            return _ask_digits(walk, node)
    return _ask_consent(walk, node) if node.consent else _record(walk, node)


def take(walk: Walk, node: AskingNode, event: Event) -> Outcome:
    """Use the answer."""
    if isinstance(event, line.RecordingMade):
        return _recorded(walk, node, event)
    digits = event.digits if isinstance(event, line.DigitsEntered) else None
    match node:
        case model.Menu():
            return _silence(walk, node) if digits is None else _choose(walk, node, digits)
        case model.LanguageChoice():
            return _choose_language(walk, node, digits)
        case model.Collect():
            return _take_digits(walk, node, digits)
    return _take_consent(walk, node, digits)


# --- menu -------------------------------------------------------------------------------------


def _ask_menu(walk: Walk, node: model.Menu) -> Outcome:
    walk.say(node.prompt)
    for key, option in node.options.items():
        if option.hidden or option.language == walk.visit.language or not _there(walk, option):
            continue
        if option.language is not None:
            _offer(walk, option.language, key)
        elif option.label is not None:
            _option(walk, walk.label(option.label), key)
        elif option.topic is not None:
            _option(walk, walk.words(walk.visit.language, "topic", option.topic), key)
    if walk.flow.operator is not None and node.operator:
        _option(walk, walk.label(flowset.OPERATOR), "0")
    if node.repeats:
        _option(walk, walk.label(flowset.REPEAT), "*")
    return line.Keys(most=1, first_ms=node.timeout_s * 1000)


def _there(walk: Walk, option: model.Option) -> bool:
    if option.when is None:
        return True
    try:
        return bool(walk.flows.expressions[option.when].run(walk.value))
    except NoValue:
        return False


def _option(walk: Walk, label: str, key: str) -> None:
    """What it is for comes before the key: "Untuk …, tekan …"."""
    name = READERS[walk.visit.language].key(key)
    walk.say((flowset.OPTION,), {"label": label, "key": name})
    walk.steps.append(OPTION_PAUSE)


def _choose(walk: Walk, node: model.Menu, key: str) -> Outcome:
    option = node.options.get(key)
    if option is None or not _there(walk, option):
        if key == "0" and walk.flow.operator is not None and node.operator:
            return walk.flow.operator
        if key == "*" and walk.visit.repeats < node.repeats:
            walk.change(repeats=walk.visit.repeats + 1)
            return _ask_menu(walk, node)
        return _again(walk, node, "wrong", lambda: _ask_menu(walk, node))
    if option.set:
        walk.set(option.set)
    if option.topic is not None:
        walk.change(topic=option.topic)
        walk.note("topic_chosen", topic=option.topic)
    if option.language is not None:
        _speak(walk, option.language)
    return option.to


def _silence(walk: Walk, node: model.Menu) -> Outcome:
    return node.on_silence or _again(walk, node, "silence", lambda: _ask_menu(walk, node))


def _again(walk: Walk, node: model.Asking, what: str, ask: Callable[[], Outcome]) -> Outcome:
    """Count a silence or a wrong answer, say its prompt and ask once more; or fail."""
    silent = what == "silence"
    count = (walk.visit.silences if silent else walk.visit.wrongs) + 1
    if count >= node.attempts:
        walk.note("node_failed", node=walk.visit.node, reason=what)
        return node.on_fail
    walk.change(**{"silences" if silent else "wrongs": count})
    prompts = node.silence if silent else node.wrong
    walk.say(prompts[min(count, len(prompts)) - 1 :][:1])
    return ask()


# --- language ---------------------------------------------------------------------------------


def _offer_languages(walk: Walk, node: model.LanguageChoice) -> Outcome:
    for key, language in node.options.items():
        _offer(walk, language, key)
    return line.Keys(most=1, first_ms=node.timeout_s * 1000)


def _offer(walk: Walk, language: str, key: str) -> None:
    """In its own words and voice."""
    walk.say((flowset.OFFER,), {"key": READERS[language].key(key)}, language)
    walk.steps.append(OPTION_PAUSE)


def _choose_language(walk: Walk, node: model.LanguageChoice, key: str | None) -> Outcome:
    chosen = None if key is None else node.options.get(key)
    _speak(walk, chosen or walk.visit.language)
    return node.next


def _speak(walk: Walk, language: str) -> None:
    """From here on in ``language``."""
    walk.change(language=language)
    walk.note("language_chosen", language=language)


# --- collect ----------------------------------------------------------------------------------


def _ask_digits(walk: Walk, node: model.Collect) -> Outcome:
    walk.change(part="")
    walk.say(node.prompt)
    return line.Keys(
        most=node.max,
        first_ms=node.first_s * 1000,
        inter_ms=node.inter_s * 1000,
        finish=node.finish,
    )


def _take_digits(walk: Walk, node: model.Collect, digits: str | None) -> Outcome:
    if walk.visit.part == "confirm":
        return _confirmed(walk, node, digits)
    if digits is None:
        return _again(walk, node, "silence", lambda: _ask_digits(walk, node))
    if digits == "0" and walk.flow.operator is not None and offers_operator(node):
        return walk.flow.operator
    if digits == "*" and node.star is not None:
        walk.set({node.save: None})
        return node.star
    if digits == "*" and walk.visit.repeats < COLLECT_REPEATS:
        walk.change(repeats=walk.visit.repeats + 1)
        return _ask_digits(walk, node)
    if not _fits(walk, node, digits):
        return _again(walk, node, "wrong", lambda: _ask_digits(walk, node))
    walk.set({node.save: digits})
    return _ask_confirm(walk, node) if node.confirm else node.next


def _fits(walk: Walk, node: model.Collect, digits: str) -> bool:
    if not (digits.isascii() and digits.isdigit() and node.min <= len(digits) <= node.max):
        return False
    if node.check == "case_number" and not checks.is_case_number(digits):
        return False
    return node.regex is None or bool(walk.flows.patterns[node.regex].fullmatch(digits))


def _ask_confirm(walk: Walk, node: model.Collect) -> Outcome:
    walk.change(part="confirm")
    walk.say((*(node.confirm or ()), flowset.CONFIRM))
    return line.Keys(most=1, first_ms=YES_NO_MS)


def _confirmed(walk: Walk, node: model.Collect, key: str | None) -> Outcome:
    if key == "1":
        return node.next
    if key == "0" and walk.flow.operator is not None and offers_operator(node):
        return walk.flow.operator
    if key is None:
        return _again(walk, node, "silence", lambda: _ask_confirm(walk, node))
    if key == "2":
        walk.set({node.save: None})
        return _again(walk, node, "wrong", lambda: _ask_digits(walk, node))
    return _again(walk, node, "wrong", lambda: _ask_confirm(walk, node))


# --- record -----------------------------------------------------------------------------------


def _ask_consent(walk: Walk, node: model.RecordMessage) -> Outcome:
    walk.change(part="consent")
    walk.say((*(node.consent or ()), flowset.CONSENT))
    return line.Keys(most=1, first_ms=YES_NO_MS)


def _take_consent(walk: Walk, node: model.RecordMessage, key: str | None) -> Outcome:
    if key == "1":
        walk.note("consent_given", node=walk.visit.node)
        return _record(walk, node)
    tried = walk.visit.silences + walk.visit.wrongs + 1
    if key == "2" or tried >= CONSENT_ATTEMPTS:
        walk.note("consent_refused", node=walk.visit.node)
        return node.on_refuse or node.on_empty
    if key is None:
        walk.change(silences=walk.visit.silences + 1)
    else:
        walk.change(wrongs=walk.visit.wrongs + 1)
    return _ask_consent(walk, node)


def _record(walk: Walk, node: model.RecordMessage) -> Outcome:
    walk.change(part="recording")
    walk.say(node.prompt)
    return line.Recording(
        name="",
        most_s=node.max_s,
        silence_s=node.silence_s,
        finish=node.finish,
        beep=node.beep,
    )


def _recorded(walk: Walk, node: AskingNode, event: line.RecordingMade) -> Outcome:
    assert isinstance(node, model.RecordMessage)
    if event.seconds <= 0:
        return node.on_empty
    walk.change(recording=event.name, recorded_s=event.seconds)
    return node.next
