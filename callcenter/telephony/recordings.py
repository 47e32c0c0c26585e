"""Recordings come home: fetched from their line, encrypted, and deleted there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from callcenter.calls.service import Calls
from callcenter.cases import service as cases
from callcenter.clock import Clock, Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.line import Line

_CONTEXT = "recording.sound"


class Recordings:
    """The sound files of messages, each under its own key in ``folder``.

    A file is named by chance: neither its name nor its folder tells whose it is.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Clock,
        *,
        folder: Path,
        lines: Mapping[str, Line],
        calls: Calls,
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._folder = folder
        self._lines = lines
        self._calls = calls

    async def fetch(self, line: str, name: str) -> None:
        """Bring recording ``name`` home from ``line``.

        Raises:
            LookupError: the line does not have it (any more).
            ConnectionError: the line is away; ask again.
        """
        if line not in self._lines:
            raise ConnectionError(f"no line {line} in this process")
        sound = await self._lines[line].fetch_recording(name)
        key, wrapped = self._keys.make(_owner(name))
        file = f"{Given(self._clock.now()).id()}.sound"
        await asyncio.to_thread(self._write, file, key.encrypt(sound, _CONTEXT))
        await self._database.write(partial(cases.fetched, name=name, wrapped=wrapped, file=file))
        await self._calls.drop_recording(line, name)

    async def read(self, name: str) -> bytes:
        """The WAV file of recording ``name``.

        Raises:
            LookupError: we do not hold it (yet).
        """

        def where(connection: Connection) -> tuple[bytes, str] | None:
            return cases.where_kept(connection, name)

        found = await self._database.read(where)
        if found is None:
            raise LookupError(name)
        wrapped, file = found
        sealed = await asyncio.to_thread((self._folder / file).read_bytes)
        return self._keys.open(wrapped, _owner(name)).decrypt(sealed, _CONTEXT)

    def _write(self, file: str, sealed: bytes) -> None:
        """Whole or not at all: a crash leaves no half of a recording behind."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self._folder / f"{file}.part"
        with part.open("wb") as out:
            out.write(sealed)
            out.flush()
            os.fsync(out.fileno())
        part.rename(self._folder / file)


def _owner(name: str) -> str:
    return f"recording:{name}"
