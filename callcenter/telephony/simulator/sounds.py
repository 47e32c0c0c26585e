"""Prompts as sound for the simulated phone: made when they are said, fetched by address."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Final

from callcenter.voice.sounds import Voice

#: Prompts whose sound may still be asked for.
MOST_SOUNDS: Final = 5_000


class SimulatedSounds:
    """What was said lately, spoken by ``voice``."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._making: OrderedDict[str, asyncio.Task[Path | None]] = OrderedDict()

    def address(self, words: str, language: str) -> str | None:
        """Where the page finds ``words`` spoken; None where nothing here can speak."""
        if self._voice.lacking:
            return None
        name = hashlib.sha256(f"{language}\0{words}".encode()).hexdigest()[:32]
        if name not in self._making:
            self._making[name] = asyncio.create_task(self._make(words, language))
            while len(self._making) > MOST_SOUNDS:
                self._making.popitem(last=False)[1].cancel()
        return f"/simulator/sounds/{name}.wav"

    async def file(self, name: str) -> Path | None:
        """The sound behind an address, as soon as it is made."""
        task = self._making.get(name)
        return None if task is None else await asyncio.shield(task)

    async def _make(self, words: str, language: str) -> Path | None:
        sound = await self._voice.say(words, language)
        return None if sound is None else sound.stem.with_name(sound.stem.name + ".wav")
