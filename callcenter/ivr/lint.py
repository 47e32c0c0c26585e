"""What ``callcenter flow lint`` says: every mistake in the files, one a line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from callcenter.ivr.errors import FlowError, FlowErrors
from callcenter.ivr.loader import load
from callcenter.messages import texts


def locate(path: Path) -> tuple[Path, str | None]:
    """The flows' folder for ``path`` and, when it is a file below ``flows/``, that flow's name."""
    if path.is_dir():
        return path, None
    folder = path.parent
    if folder.name in ("flows", "prompts", "calendars", "scenarios"):
        return folder.parent, path.stem if folder.name == "flows" else None
    return folder, None


def lint(path: Path, topics: frozenset[str] | None = None) -> tuple[FlowError, ...]:
    """The mistakes in the folder that ``path`` is or belongs to; none: it can be used."""
    folder, _ = locate(path)
    found: list[FlowError] = []
    try:
        load(folder, topics)
    except FlowErrors as bad:
        found += bad.errors
    return tuple(found + _of_messages(folder / texts.FILE))


def _of_messages(file: Path) -> list[FlowError]:
    """The texts of messages lie beside the flows, where there are any."""
    try:
        if file.is_file():
            texts.load(file.read_text(encoding="utf-8"))
    except (texts.TextErrors, UnicodeDecodeError) as bad:
        wrong = bad.errors if isinstance(bad, texts.TextErrors) else [str(bad)]
        start = f"{texts.FILE}: "
        return [FlowError(texts.FILE, 1, "", one.removeprefix(start)) for one in wrong]
    return []


def render(errors: Iterable[FlowError]) -> str:
    """One a line, and how many there are."""
    lines = [str(error) for error in errors]
    if not lines:
        return "no mistakes"
    return "\n".join([*lines, f"{len(lines)} mistake{'s' if len(lines) > 1 else ''}"])
