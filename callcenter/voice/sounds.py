"""Sounds on the disk: made once from a text or a recorded prompt, kept under the hash of both.

``HASH.wav`` has 8 kHz, ``HASH.wav16`` has 16 kHz; a phone network takes the one that fits its
codec. A file appears whole or not at all, so any number of processes may share the folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import shutil
import struct
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import structlog

from callcenter.voice import programs
from callcenter.voice.programs import CannotSpeak

log = structlog.get_logger(__name__)

RATES_HZ = {".wav16": 16000, ".wav": 8000}  #: in this order: a .wav says that both are there
RECIPE = "1"  #: raise it when the same text must sound different
MOST_CHARACTERS = 2000
MOST_BYTES = 2 << 30  #: of the folder; the oldest sounds go first
AT_ONCE = 2  #: programs running at the same time
AUDIO_TYPES = (".wav", ".flac", ".ogg", ".mp3", ".gsm")
PAUSE_MS = (10, 30_000)  #: shortest and longest
BEEP_MS = 400
BEEP_HZ = 1000
_NAME = re.compile(r"[0-9a-f]{32}")

#: Puts the raw sound into the folder it is given, or names a file that is there already.
_Source = Callable[[Path], Awaitable[Path]]


class Sound(msgspec.Struct, frozen=True):
    """A sound on the disk. ``stem``: its path without an extension; ``ms``: how long it lasts."""

    stem: Path
    ms: int


class Voice:
    """Makes sounds and finds those already made.

    ``voices``: language → espeak-ng voice. ``rate``: words a minute. ``audio``: folder of recorded
    prompts. Where a sound cannot be made, the answer is None and ``failed`` counts it: the caller
    of :meth:`say` goes on without.
    """

    def __init__(
        self, folder: Path, *, voices: Mapping[str, str], rate: int, audio: Path | None = None
    ) -> None:
        self._folder = folder
        self._voices = dict(voices)
        self._rate = rate
        self._audio = audio.resolve() if audio else None
        self._known: dict[str, Sound] = {}
        self._making: dict[str, asyncio.Task[Sound]] = {}
        self._recorded: dict[Path, tuple[tuple[int, int], str]] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.lacking = programs.lacking()
        self.made = 0
        self.failed = 0
        self._over = False

    # --- What can be asked for ----------------------------------------------------------------

    async def say(self, text: str, language: str) -> Sound | None:
        """``text`` spoken; None when it cannot be."""
        text = clean(text)
        voice = self._voices.get(language)
        if not text or voice is None:
            return None
        name = _hash("say", voice, str(self._rate), text)

        async def speak(folder: Path) -> Path:
            spoken = folder / "spoken.wav"
            await programs.speak(text, voice, self._rate, spoken)
            return spoken

        return await self._sound(name, speak)

    async def play(self, audio: str, text: str, language: str) -> Sound | None:
        """The recorded prompt ``audio`` (a path below the audio folder, without an extension);
        ``text`` spoken where it is not there or cannot be read."""
        source = self._find(audio)
        if source is not None:
            name = await asyncio.to_thread(self._content, source)

            async def take(folder: Path) -> Path:
                return source

            if name is not None and (sound := await self._sound(name, take)) is not None:
                return sound
        return await self.say(text, language)

    async def pause(self, ms: int) -> Sound | None:
        """Silence."""
        ms = max(PAUSE_MS[0], min(ms, PAUSE_MS[1]))

        async def silence(folder: Path) -> Path:
            return _write(folder / "pause.wav", b"\0\0" * (16 * ms))

        return await self._sound(_hash("pause", str(ms)), silence, programs_needed=False)

    async def beep(self) -> Sound | None:
        """The tone before a recording."""

        async def tone(folder: Path) -> Path:
            count = 16 * BEEP_MS
            edge = count // 20  # faded in and out: no clicks
            values = (
                8000
                * min(1.0, n / edge, (count - n) / edge)
                * math.sin(2 * math.pi * BEEP_HZ * n / 16000)
                for n in range(count)
            )
            return _write(
                folder / "beep.wav", b"".join(struct.pack("<h", int(value)) for value in values)
            )

        return await self._sound(_hash("beep"), tone, programs_needed=False)

    async def prepare(self, sayings: Iterable[tuple[str, str]]) -> int:
        """Make the sounds of all (text, language) that are not there yet, before anybody waits for
        them. The answer: how many are there afterwards."""
        sounds = await asyncio.gather(*(self.say(text, language) for text, language in sayings))
        return sum(sound is not None for sound in sounds)

    def find(self, name: str) -> Path | None:
        """The 8 kHz file of the sound called ``name`` (its stem's last part), or None."""
        path = self._folder / f"{name}.wav"
        return path if _NAME.fullmatch(name) and path.is_file() else None

    async def prune(self, most_bytes: int = MOST_BYTES) -> int:
        """Delete the oldest sounds until the folder holds ``most_bytes``; the answer: how many."""
        gone = await asyncio.to_thread(_prune, self._folder, most_bytes)
        for name in gone:
            self._known.pop(name, None)
        return len(gone)

    async def stop(self) -> None:
        """Make nothing more, and end what is being made. (When asyncio ends it cancels everything
        at once, also its own part in starting a program; whoever starts one waits for that without
        end, up to Python 3.11 at least.)"""
        self._over = True
        making = list(self._making.values())
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    # --- How it is made -----------------------------------------------------------------------

    async def _sound(
        self, name: str, source: _Source, *, programs_needed: bool = True
    ) -> Sound | None:
        """The sound called ``name``, made from ``source`` when it is not there."""
        known = self._known.get(name)
        if known is not None and _there(known.stem):
            return known
        if self._over:
            return None
        if programs_needed and self.lacking and not _there(self._folder / name):
            self.failed += 1
            return None
        task = self._making.get(name)
        if task is None:
            # One task for all who wait: when one of them goes away the others still get it.
            task = asyncio.create_task(self._make(name, source, programs_needed))
            self._making[name] = task
            task.add_done_callback(lambda _: self._making.pop(name, None))
        try:
            return await asyncio.shield(task)
        except (CannotSpeak, OSError, wave.Error, EOFError) as error:
            self.failed += 1
            log.error("sound_not_made", sound=name, why=str(error))
            return None

    async def _make(self, name: str, source: _Source, programs_needed: bool) -> Sound:
        stem = self._folder / name
        if not await asyncio.to_thread(_there, stem):
            async with self._gate:
                await asyncio.to_thread(self._folder.mkdir, 0o755, True, True)
                # In the same folder: renaming is atomic only within one file system.
                with tempfile.TemporaryDirectory(dir=self._folder, prefix=".making-") as place:
                    raw = await source(Path(place))
                    for kind, rate in RATES_HZ.items():
                        made = Path(place) / f"made{kind}"
                        if programs_needed:
                            await programs.resample(raw, rate, made)
                        else:
                            _thin(raw, rate, made)
                        made.chmod(0o644)
                        made.replace(stem.with_name(name + kind))
                self.made += 1
        sound = Sound(stem, await asyncio.to_thread(_length_ms, stem.with_name(name + ".wav")))
        self._known[name] = sound
        return sound

    def _find(self, audio: str) -> Path | None:
        """The recorded prompt's file, if it lies below the audio folder."""
        if self._audio is None or "\0" in audio:
            return None
        for kind in AUDIO_TYPES:
            path = (self._audio / (audio + kind)).resolve()
            if path.is_relative_to(self._audio) and path.is_file():
                return path
        return None

    def _content(self, source: Path) -> str | None:
        """The name that ``source``'s content gives its sound; read again only when it changed."""
        try:
            state = source.stat()
            mark = (state.st_mtime_ns, state.st_size)
            known = self._recorded.get(source)
            if known is None or known[0] != mark:
                known = (mark, _hash("play", hashlib.sha256(source.read_bytes()).hexdigest()))
                self._recorded[source] = known
        except OSError:
            return None
        return known[1]


def clean(text: str) -> str:
    """``text`` as it may be spoken: one line, no control characters, no espeak phoneme input."""
    text = "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in text[:MOST_CHARACTERS])
    return " ".join(text.replace("[[", " ").replace("]]", " ").split())


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join((RECIPE, *parts)).encode()).hexdigest()[:32]


def _there(stem: Path) -> bool:
    return stem.with_name(stem.name + ".wav").is_file()


def _length_ms(path: Path) -> int:
    with wave.open(str(path)) as sound:
        frames: int = sound.getnframes()
        rate: int = sound.getframerate()
    return frames * 1000 // rate


def _write(path: Path, frames: bytes, rate: int = 16000) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(frames)
    return path


def _thin(source: Path, rate: int, out: Path) -> None:
    """``source`` (16 kHz, ours) at ``rate``: enough for silence and one low tone."""
    with wave.open(str(source)) as sound:
        frames = sound.readframes(sound.getnframes())
    every = 16000 // rate
    samples = memoryview(frames).cast("h")[::every]
    _write(out, samples.tobytes(), rate)


def _prune(folder: Path, most_bytes: int) -> list[str]:
    for left in folder.glob(".making-*"):  # of a process that died while it made a sound
        if time.time() - left.stat().st_mtime > 3600:
            shutil.rmtree(left, ignore_errors=True)
    files: list[tuple[float, int, Path]] = []
    for kind in RATES_HZ:
        for path in folder.glob(f"*{kind}"):
            try:
                state = path.stat()
            except OSError:
                continue
            files.append((state.st_mtime, state.st_size, path))
    files.sort()
    total = sum(size for _, size, _ in files)
    gone: list[str] = []
    for _, size, path in files:
        if total <= most_bytes:
            break
        path.unlink(missing_ok=True)
        total -= size
        gone.append(path.name.split(".")[0])
    return gone
