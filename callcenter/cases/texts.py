"""What people type about a case: how long it may be, and which signs have no business in it."""

from __future__ import annotations

import unicodedata
from typing import Final

NARRATIVE_CHARS: Final = 20_000
NAME_CHARS: Final = 200
NOTE_CHARS: Final = 4_000
SUMMARY_CHARS: Final = 4_000
#: What the telephone reads aloud and a message may carry.
PUBLIC_CHARS: Final = 500

#: Text of several lines may have these.
LINE_BREAKS: Final = frozenset("\n\t\r")
#: They turn the direction of what follows: a name could be shown as another one. The letters of
#: Arabic or Hebrew need none of them.
_TURNS: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def wrong(text: str, most: int, *, lines: bool = True) -> str | None:
    """Why ``text`` can't be stored, or None. ``lines``: it may have several."""
    if len(text) > most:
        return f"longer than {most} characters"
    for sign in text:
        if lines and sign in LINE_BREAKS:
            continue
        if sign in _TURNS:
            return "signs that turn the direction of writing"
        match unicodedata.category(sign):
            case "Cc" | "Zl" | "Zp":
                return "control characters"
            case "Cs":
                return "half a character"
    return None
