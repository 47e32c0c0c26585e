"""Read flow files: either a :class:`FlowSet`, or every error in them at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from callcenter.ivr.check import check_files
from callcenter.ivr.errors import FlowError, FlowErrors
from callcenter.ivr.files import TOPICS, Files, read_files
from callcenter.ivr.flowcheck import Checked
from callcenter.ivr.flowset import FlowSet

__all__ = ["FlowError", "FlowErrors", "load", "parse"]

FOLDERS = ("flows", "prompts", "calendars")


def load(folder: Path, topics: frozenset[str] | None = None) -> FlowSet:
    """The flows in ``folder`` (``flows/*.yaml prompts/*.yaml calendars/*.yaml topics.yaml``).

    ``topics``: the codes that the application knows; None: those of ``topics.yaml``.

    Raises:
        FlowErrors: with all errors of all files.
    """
    found = [path for name in FOLDERS for path in sorted((folder / name).glob("*.yaml"))]
    if (folder / TOPICS).is_file():
        found.append(folder / TOPICS)
    sources: dict[str, str] = {}
    errors: list[FlowError] = []
    for path in found:
        file = path.relative_to(folder).as_posix()
        try:
            sources[file] = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as bad:
            errors.append(FlowError(file, 1, "", f"can't be read as UTF-8 text: {bad}"))
    if not found:
        raise FlowErrors([FlowError(folder.as_posix(), 1, "", "there are no flows")])
    return _parse(sources, topics, errors)


def parse(sources: Mapping[str, str], topics: frozenset[str] | None = None) -> FlowSet:
    """The same from stored sources (:attr:`FlowSet.sources`)."""
    return _parse(sources, topics, [])


def _parse(
    sources: Mapping[str, str], topics: frozenset[str] | None, errors: list[FlowError]
) -> FlowSet:
    canonical = {
        file: text.replace("\r\n", "\n").replace("\r", "\n") for file, text in sources.items()
    }
    files = read_files(canonical)
    checked = check_files(files, topics)
    errors = [*errors, *files.errors, *checked.errors]
    if errors:
        raise FlowErrors(errors)
    return _flow_set(canonical, files, checked)


def _flow_set(sources: Mapping[str, str], files: Files, checked: Checked) -> FlowSet:
    text = json.dumps(sorted(sources.items()), ensure_ascii=False, separators=(",", ":"))
    return FlowSet(
        hash=hashlib.sha256(text.encode()).hexdigest(),
        sources=MappingProxyType(dict(sorted(sources.items()))),
        flows={name: file.flow for name, file in files.flows.items() if file.flow},
        prompts={language: file.prompts for language, file in files.prompts.items()},
        calendars={name: found for name, found in files.calendars.items() if found},
        topics=files.topics,
        expressions=checked.expressions,
        patterns=checked.patterns,
        sensitive=frozenset(name for name, known in checked.known.items() if known.sensitive),
    )
