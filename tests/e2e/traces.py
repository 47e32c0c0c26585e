"""Looks for a telephone number on the disk, however it may be spelt."""

from __future__ import annotations

import base64
import re
from pathlib import Path

_BETWEEN = rb"[\x00 .\-()/_]{0,3}"


def spellings(number: str) -> dict[str, re.Pattern[bytes]]:
    """Name -> pattern of each way to write ``number`` (E.164, Indonesia's +62)."""
    assert number.startswith("+62")
    core = number[3:]  # what is the same in +62 812…, 0062 812…, 0812…
    patterns = {
        "digits": _BETWEEN.join(re.escape(digit.encode()) for digit in core),
        "reversed": _BETWEEN.join(re.escape(digit.encode()) for digit in reversed(core)),
        "hexadecimal": b"(?i)" + core.encode().hex().encode(),
        "percent-encoded": b"".join(b"%%%02X" % digit for digit in core.encode()),
    }
    for name, digits in (("E.164", number[1:]), ("national", "0" + core), ("core", core)):
        whole = int(digits)
        for order in ("little", "big"):
            packed = whole.to_bytes((whole.bit_length() + 7) // 8, order)
            patterns[f"{name} as a {order}-endian integer"] = re.escape(packed)
        even = digits[: len(digits) // 2 * 2]
        patterns[f"{name} as BCD"] = re.escape(bytes.fromhex(even))
        swapped = "".join(even[n + 1] + even[n] for n in range(0, len(even), 2))
        patterns[f"{name} as swapped BCD"] = re.escape(bytes.fromhex(swapped))
    for shift in range(3):
        # Whatever comes before it, so much of it always reads the same.
        code = base64.b64encode(bytes(shift) + core.encode())
        first, last = -(-shift * 4 // 3), (shift + len(core)) * 4 // 3
        patterns[f"base64, shifted by {shift}"] = re.escape(code[first:last])
    return {name: re.compile(pattern) for name, pattern in patterns.items()}


def traces(number: str, *folders: Path) -> list[str]:
    """Where ``number`` is found below ``folders``, in a file or its name, and how it is spelt."""
    known = spellings(number)
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder)).encode()
            content = path.read_bytes() if path.is_file() else b""
            for spelling, pattern in known.items():
                if pattern.search(name) or pattern.search(content):
                    found.append(f"{path}: {spelling}")
    return found
