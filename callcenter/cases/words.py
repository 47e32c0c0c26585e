"""Words: what a text is found by. They are stored as keyed hashes, and so must always come out the
same: without case, accents and signs, whole, and never cut down to a stem.

Indonesian affixes are kept (``dipecat`` is not found by ``pecat``): a stemmer is wrong often
enough, and a wrong stem in a hash can't be looked at.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Shorter words are in every text. A number is a word from two digits on.
LETTERS_LEAST: Final = 3
DIGITS_LEAST: Final = 2
#: Longer ones are no words; their beginning is kept.
LETTERS_MOST: Final = 40
#: Different words of one text, the first ones.
WORDS_MOST: Final = 2_000

_JOINED = re.compile(r"(?<=\w)['’ʼ`](?=\w)")
#: ``3.500.000`` is a number; ``12.30`` is two.
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:[.,]\d{3})+)(?![\d])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
#: Legal forms, Indonesian and those of investors.
_FORMS: Final = frozenset(
    {"pt", "cv", "ud", "pd", "fa", "firma", "tbk", "persero", "perseroan", "perum", "perumda"}
    | {"perusda", "koperasi", "yayasan", "ltd", "inc", "co", "corp", "llc", "plc", "gmbh", "bv"}
    | {"pte"}
)
_DOTTED = re.compile(r"\b(?:[a-z]\.){2,}|\b[a-z](?:\.[a-z])+\b")


def plain(text: str) -> str:
    """Without case, accents and invisible signs; digits of any script as ASCII."""
    kept = []
    for sign in unicodedata.normalize("NFKD", text.casefold()):
        category = unicodedata.category(sign)
        if category == "Nd":
            kept.append(str(unicodedata.decimal(sign)))
        elif category[0] == "M" or category == "Cf":
            continue
        else:
            kept.append(sign)
    # Casefolding may leave what decomposing brings to light, and the other way round.
    return unicodedata.normalize("NFKC", "".join(kept)).casefold()


def words(text: str) -> frozenset[str]:
    """The words that ``text`` is found by; also those of a search, which must all be there."""
    found: dict[str, None] = {}
    for word in _parts(text):
        least = DIGITS_LEAST if word.isdigit() else LETTERS_LEAST
        if len(word) >= least:
            found[word[:LETTERS_MOST]] = None
            if len(found) == WORDS_MOST:
                break
    return frozenset(found)


def sought(text: str) -> frozenset[str]:
    """The words of a search, which must all be there. A legal form says nothing beside a name:
    who seeks ``PT Maju Jaya`` finds ``MAJU JAYA Tbk``."""
    found = words(text)
    return found - _FORMS or found


def of_employer(name: str) -> frozenset[str]:
    """The words that an employer is found by: as it is written, and as it is compared."""
    return words(name) | words(employer(name))


def _parts(text: str) -> list[str]:
    joined = _JOINED.sub("", plain(text))
    whole = _THOUSANDS.sub(lambda number: re.sub(r"[.,]", "", number[0]), joined)
    return _WORD.findall(whole)


def employer(name: str) -> str:
    """An employer's name as it is compared: without legal form, case, signs and accents.

    ``P.T. Maju Jaya, Tbk.`` and ``MAJU JAYA PT`` are both ``maju jaya``. A name that has nothing
    but legal forms keeps them.
    """
    spelled = _DOTTED.sub(lambda short: short[0].replace(".", "") + " ", plain(name))
    parts = _parts(spelled.replace("&", " dan "))
    return " ".join([part for part in parts if part not in _FORMS] or parts)


def person(name: str) -> str:
    """A person's name as it is compared: without case, signs and accents."""
    return " ".join(_parts(name))
