"""Finds what is not Python: the pages, the migrations, the shipped flows, Asterisk's configuration.

In a checkout (and so in an editable install) these are the repository's own folders, never a copy.
A wheel carries them in ``callcenter/_resources``, put there by ``scripts/hatch_build.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: name in the wheel -> (folder in the repository, a file that shows it is complete)
FOLDERS: Final = {
    "pages": ("ui/dist", "index.html"),
    "migrations": ("migrations", "env.py"),
    "ivr_flows": ("ivr_flows", "flows"),
    "asterisk": ("asterisk", "etc"),
}

_PACKAGE: Final = Path(__file__).resolve().parent
_IN_WHEEL: Final = _PACKAGE / "_resources"


class ResourceMissing(Exception):
    """A folder that the application ships is not there; the message says what to do."""


def pages() -> Path:
    """The built pages: ``index.html`` and ``assets/``.

    Raises:
        ResourceMissing: a checkout whose pages were not built yet.
    """
    return _folder("pages", "the pages are not built: run `make ui`")


def migrations() -> Path:
    """Alembic's folder: ``env.py`` and ``versions/``."""
    return _folder("migrations")


def flows() -> Path:
    """The shipped ``ivr_flows``: flows, prompts, calendars."""
    return _folder("ivr_flows")


def asterisk() -> Path:
    """Asterisk's configuration and dialplan."""
    return _folder("asterisk")


def in_checkout() -> bool:
    """Whether this package runs from a checkout of the repository rather than from a wheel."""
    return not _IN_WHEEL.is_dir()


def _folder(name: str, hint: str = "this installation is incomplete") -> Path:
    in_repository, proof = FOLDERS[name]
    folder = _PACKAGE.parent / in_repository if in_checkout() else _IN_WHEEL / name
    if not (folder / proof).exists():
        raise ResourceMissing(f"{folder / proof} is missing: {hint}")
    return folder
