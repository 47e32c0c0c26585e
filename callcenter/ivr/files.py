"""Each file by itself: from text to typed records, with every mistake's place."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from callcenter.ivr import model
from callcenter.ivr.errors import FlowError
from callcenter.ivr.hours import WEEKDAYS, Calendar, Span, known_categories
from callcenter.ivr.prompts import BadPrompt, Prompt, Segment, parse_pause, parse_text
from callcenter.ivr.reader import READERS
from callcenter.ivr.source import Data, Document, Path, read

TOPICS = "topics.yaml"
_PLACE = re.compile(r"(flows|prompts|calendars)/([a-z][a-z0-9_]{0,31})\.yaml\Z")
_PROMPT_KEY: TypeAdapter[str] = TypeAdapter(model.PromptKey)
_FLOW: TypeAdapter[model.Flow] = TypeAdapter(model.Flow)
_NODE: TypeAdapter[model.Node] = TypeAdapter(model.AnyNode)
_PIECE: TypeAdapter[model.Piece] = TypeAdapter(model.Piece)
_CALENDAR: TypeAdapter[model.CalendarFile] = TypeAdapter(model.CalendarFile)
_TOPICS: TypeAdapter[model.TopicsFile] = TypeAdapter(model.TopicsFile)
T = TypeVar("T")


@dataclass(frozen=True)
class FlowFile:
    """``flow`` holds the nodes that could be read, ``nodes`` the names of all of them; None: not
    even its head could be read."""

    document: Document
    flow: model.Flow | None
    nodes: frozenset[str]

    @property
    def whole(self) -> bool:
        """Nothing of it is missing."""
        return self.flow is not None and self.flow.nodes.keys() == self.nodes


@dataclass(frozen=True)
class PromptFile:
    """``prompts`` could be read, ``keys`` are all that are there."""

    document: Document
    prompts: Mapping[str, Prompt]
    keys: frozenset[str]


@dataclass
class Files:
    """What could be read of all files, and what could not. ``topics`` are those that callers
    choose, ``lower_topics`` lie within them and are no business of a flow's."""

    flows: dict[str, FlowFile] = field(default_factory=dict)
    prompts: dict[str, PromptFile] = field(default_factory=dict)
    calendars: dict[str, Calendar | None] = field(default_factory=dict)
    topics: Mapping[str, model.Topic] = field(default_factory=dict)
    lower_topics: Mapping[str, model.Topic] = field(default_factory=dict)
    topics_document: Document = field(default_factory=lambda: Document(TOPICS, {}, {}))
    topics_whole: bool = True
    errors: list[FlowError] = field(default_factory=list)


def read_files(sources: Mapping[str, str]) -> Files:
    """Read every file. Their mistakes are in ``errors``."""
    files = Files()
    for file, text in sorted(sources.items()):
        place = _PLACE.match(file)
        document, errors = read(file, text)
        files.errors += errors
        if file == TOPICS:
            _take_topics(files, document, broken=bool(errors))
        elif place is None:
            message = "a file belongs in flows/, prompts/ or calendars/, or is topics.yaml"
            files.errors.append(FlowError(file, 1, "", message))
        elif place[1] == "flows":
            _take_flow(files, place[2], document)
        elif place[1] == "prompts":
            _take_prompts(files, place[2], document)
        else:
            _take_calendar(files, place[2], document)
    return files


# --- flows --------------------------------------------------------------------------------------


def _take_flow(files: Files, name: str, document: Document) -> None:
    data = document.data
    raw = data.get("nodes") if isinstance(data, dict) else None
    nodes: dict[str, model.Node] = {}
    if isinstance(data, dict) and isinstance(raw, dict):
        for node_name, node_data in raw.items():
            node = _validate(files, document, _NODE, node_data, ("nodes", node_name))
            if node is not None:
                nodes[node_name] = node
        flow = _validate(files, document, _FLOW, {**data, "nodes": nodes}, ())
    else:
        flow = _validate(files, document, _FLOW, data, ())
    if flow is not None and flow.flow != name:
        files.errors.append(document.error(("flow",), f"the file's name says '{name}'"))
    files.flows[name] = FlowFile(document, flow, frozenset(raw if isinstance(raw, dict) else ()))


# --- prompts ------------------------------------------------------------------------------------


def _take_prompts(files: Files, language: str, document: Document) -> None:
    data = document.data
    if language not in READERS:
        message = f"numbers can't be read in '{language}'; languages are {', '.join(READERS)}"
        files.errors.append(document.error((), message))
        return
    if not isinstance(data, dict):
        files.errors.append(document.error((), "should map prompt keys to texts"))
        data = {}
    prompts: dict[str, Prompt] = {}
    keys = [key for key in data if _validate(files, document, _PROMPT_KEY, key, (key,)) is not None]
    for key in keys:
        segments = _segments(files, document, (key,), data[key])
        if segments:
            prompts[key] = Prompt(tuple(segments))
    files.prompts[language] = PromptFile(document, prompts, frozenset(keys))


def _segments(files: Files, document: Document, at: Path, value: Data) -> list[Segment] | None:
    """The segments of a prompt; None when one of them is wrong."""
    items = value if isinstance(value, list) else [value]
    places = [(*at, i) for i in range(len(items))] if isinstance(value, list) else [at]
    segments: list[Segment] = []
    for place, item in zip(places, items, strict=True):
        try:
            found = _segment(files, document, place, item)
        except BadPrompt as bad:
            files.errors.append(document.error(place, str(bad)))
            found = None
        if found is None:
            return None
        segments += found
    if not segments:
        files.errors.append(document.error(at, "says nothing"))
    return segments


def _segment(files: Files, document: Document, at: Path, item: Data) -> tuple[Segment, ...] | None:
    if isinstance(item, str):
        return parse_text(item)
    if not isinstance(item, dict):
        raise BadPrompt("a prompt is a text, or a list of texts, pauses and recordings")
    piece = _validate(files, document, _PIECE, item, at)
    if piece is None:
        return None
    if piece.pause is not None and piece.text is None and piece.audio is None:
        return (parse_pause(piece.pause),)
    if piece.text is not None and piece.pause is None:
        return parse_text(piece.text, piece.audio)
    raise BadPrompt("a segment is a text, {pause: 400ms} or {text: …, audio: …}")


# --- calendars ----------------------------------------------------------------------------------


def _take_calendar(files: Files, name: str, document: Document) -> None:
    files.calendars[name] = None
    found = _validate(files, document, _CALENDAR, document.data, ())
    if found is None:
        return
    before = len(files.errors)
    if found.calendar != name:
        files.errors.append(document.error(("calendar",), f"the file's name says '{name}'"))
    timezone = _timezone(files, document, found.timezone)
    _check_holidays(files, document, found.holidays)
    week = tuple(
        _spans(files, document, getattr(found.weekly, day), ("weekly", day)) for day in WEEKDAYS
    )
    exceptions: dict[dt.date, tuple[Span, ...]] = {}
    for text, hours in found.exceptions.items():
        at = ("exceptions", text)
        try:
            exceptions[dt.date.fromisoformat(text)] = _spans(files, document, hours, at)
        except ValueError:
            files.errors.append(document.error(at, "no such date"))
    if len(files.errors) == before:
        country = found.holidays.country if found.holidays else None
        categories = found.holidays.categories if found.holidays else ()
        files.calendars[name] = Calendar(timezone, week, country, categories, exceptions)


def _timezone(files: Files, document: Document, name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        files.errors.append(document.error(("timezone",), f"unknown timezone '{name}'"))
        return None


def _check_holidays(files: Files, document: Document, found: model.Holidays | None) -> None:
    if found is None:
        return
    try:
        known = known_categories(found.country)
    except LookupError:
        message = f"unknown country '{found.country}'"
        files.errors.append(document.error(("holidays", "country"), message))
        return
    for index, category in enumerate(found.categories):
        if category not in known:
            at = ("holidays", "categories", index)
            message = f"unknown category '{category}'; there are {', '.join(known)}"
            files.errors.append(document.error(at, message))


def _spans(files: Files, document: Document, texts: tuple[str, ...], at: Path) -> tuple[Span, ...]:
    spans: list[Span] = []
    for index, text in enumerate(texts):
        start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in text.split("-"))
        if start >= end or (spans and start < spans[-1][1]):
            message = f"'{text}' must begin after the hours before it, and end later"
            files.errors.append(document.error((*at, index), message))
        spans.append((start, end))
    return tuple(spans)


# --- topics -------------------------------------------------------------------------------------


def _take_topics(files: Files, document: Document, *, broken: bool) -> None:
    found = _validate(files, document, _TOPICS, document.data, ())
    files.topics_document = document
    files.topics_whole = found is not None and not broken
    if found is not None:
        files.topics = {code: one for code, one in found.topics.items() if one.within is None}
        files.lower_topics = {
            code: one for code, one in found.topics.items() if one.within is not None
        }


# --- mistakes -----------------------------------------------------------------------------------


def _validate(
    files: Files, document: Document, adapter: TypeAdapter[T], data: object, at: Path
) -> T | None:
    """``data``, which stands at ``at`` in the document, as a record; or None and its mistakes."""
    try:
        return adapter.validate_python(data)
    except ValidationError as bad:
        told: set[Path] = set()
        for details in bad.errors(include_url=False, include_input=True):
            path = (*at, *_path(data, details))
            if path not in told:
                told.add(path)
                files.errors.append(document.error(path, _message(details)))
        return None


def _path(data: object, details: ErrorDetails) -> Path:
    """pydantic's place without the tags of unions that it puts into it."""
    path: list[str | int] = []
    last = details["loc"][-1] if details["type"] == "missing" else None
    for part in details["loc"]:
        known = _below(data)
        if part not in known and part != last:
            continue
        path.append(part)
        data = known.get(part)
    return tuple(path)


def _below(data: object) -> Mapping[object, object]:
    if isinstance(data, Mapping):
        return data
    return dict(enumerate(data)) if isinstance(data, list | tuple) else {}


def _message(details: ErrorDetails) -> str:
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    shown = f"'{given}'"[:60] if isinstance(given, str | int | float) else ""
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "there is no such field here"
        case "union_tag_not_found":
            return f"{context['discriminator']} is missing"
        case "union_tag_invalid":
            return f"unknown {context['discriminator']} '{context['tag']}'; there are " + str(
                context["expected_tags"]
            )
        case "string_pattern_mismatch":
            return f"{shown} must look like {context['pattern']}"
        case "int_type" if "constrained-str" not in str(details["loc"]):
            return f"{shown} should be a whole number".strip()
        case "model_type" | "dict_type":
            return "should be a mapping"
    message = details["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{shown} {message}".strip()
