"""Journals: files outside the database that only grow, for what a backup must not turn back.

One JSON object a line, each with a number and ``mac = HMAC(key, mac before + line)``: a line that
was edited, removed or put in is found. Written to the disk before :meth:`Journal.append` returns.
A cut-off end can only be seen by who has noted how many lines there were.
"""

from __future__ import annotations

import fcntl
import hmac
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

Body = Mapping[str, str | int | None]

_ANCHOR = "0" * 64
#: Longer than any line, so that the last one is in it.
_TAIL_BYTES = 4_096

_encode = msgspec.json.Encoder(order="sorted").encode


class JournalBroken(Exception):
    """A line was edited, removed or put in; the message names the file and the first bad line."""


class Journal:
    """The lines of ``path``, which is made with its folder when the first is written."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        # Its own key: a line of another journal is none of this one.
        self._key = hmac.digest(key, path.name.encode(), "sha256")

    def append(self, bodies: Iterable[Body]) -> None:
        """Add a line for each, on the disk when this returns. Blocks; processes take turns.

        Raises:
            OSError: it can't be written.
            JournalBroken: the last line is not ours.
        """
        first = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            end = os.lseek(handle, 0, os.SEEK_END)
            start = max(0, end - _TAIL_BYTES)
            tail = os.pread(handle, end - start, start)
            whole = tail.rfind(b"\n") + 1
            # Half a line was cut off by a crash, before anybody was told that it is written.
            os.ftruncate(handle, start + whole)
            lines = tail[:whole].splitlines()
            before, last = self._number_and_mac(lines[-1]) if lines else (0, _ANCHOR)
            new = b""
            for number, body in enumerate(bodies, before + 1):
                line = {**body, "n": number}
                last = line["mac"] = self._mac(last, line)
                new += _encode(line) + b"\n"
            os.pwrite(handle, new, start + whole)
            os.fsync(handle)
        finally:
            os.close(handle)
        if first:
            _sync_folder(self.path.parent)

    def last(self) -> Body | None:
        """The last line, as it stands there; None when there is none.

        Raises:
            OSError: it can't be read.
            JournalBroken: it is not ours.
        """
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - _TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return None
        lines = tail[: tail.rfind(b"\n") + 1].splitlines()
        return self._parse(lines[-1], -1) if lines else None

    def read(self) -> list[dict[str, str | int | None]]:
        """Every line, oldest first, each with its number ``n``.

        Raises:
            OSError: it can't be read.
            JournalBroken: see there.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        found, last = [], _ANCHOR
        whole = content[: content.rfind(b"\n") + 1]
        for number, text in enumerate(whole.splitlines(), 1):
            line = self._parse(text, number)
            mac = line.pop("mac", None)
            expected = self._mac(last, line)
            if line.get("n") != number or not hmac.compare_digest(str(mac), expected):
                raise JournalBroken(f"{self.path}: line {number} is not what was written here")
            last = expected
            found.append(line)
        return found

    def _parse(self, text: bytes, number: int) -> dict[str, str | int | None]:
        try:
            return msgspec.json.decode(text, type=dict[str, str | int | None])
        except msgspec.MsgspecError:
            raise JournalBroken(f"{self.path}: line {number} can't be read") from None

    def _number_and_mac(self, text: bytes) -> tuple[int, str]:
        line = self._parse(text, -1)
        number, mac = line.get("n"), line.get("mac")
        if not isinstance(number, int) or not isinstance(mac, str):
            raise JournalBroken(f"{self.path}: the last line is not ours")
        return number, mac

    def _mac(self, last: str, line: Body) -> str:
        return hmac.digest(self._key, last.encode() + _encode(line), "sha256").hex()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
