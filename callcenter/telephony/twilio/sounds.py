"""What Twilio fetches to play: recorded prompts, and hold music of exactly the length it asks for.

Recorded prompts are the ``.wav`` and ``.mp3`` files of the flows' ``audio/`` folder, read at the
start. An address holds the hash of what it gives, so it never changes and Twilio may keep it. The
music is ``audio/music.wav`` where there is one (16-bit PCM), else a slow tune of our own.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import re
import struct
import wave
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger(__name__)

TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg"}
MUSIC = "music"
#: The longest piece of music in one file; longer waits play it again.
MOST_MUSIC_S = 120
#: How long our own tune is before it repeats itself.
TUNE_S = 48

_RATE = 8000
_NAME = re.compile(r"music(?:-([0-9]{1,3}))?\.wav")
_FILE = re.compile(r"[0-9a-f]{32}\.(?:wav|mp3)")
#: Four chords of three notes each, in Hz, one note every two seconds.
_CHORDS = (
    (261.63, 329.63, 392.00),
    (220.00, 261.63, 329.63),
    (174.61, 220.00, 261.63),
    (196.00, 246.94, 293.66),
)
_NOTE_S = 2
_LOUD = 5200


class Pcm(msgspec.Struct, frozen=True):
    """Sound without a header: 16 bits, one channel."""

    rate: int
    frames: bytes

    @property
    def seconds(self) -> int:
        """How long it is, rounded down."""
        return len(self.frames) // (2 * self.rate)


class Sounds:
    """The sounds of one folder of flows; ``audio`` need not exist. Reading it blocks."""

    def __init__(self, audio: Path | None = None) -> None:
        self._files: dict[str, Path] = {}
        self._names: dict[str, str] = {}
        self._music: Pcm | None = None
        self._making = asyncio.Lock()
        if audio is None or not audio.is_dir():
            return
        for path in sorted(audio.rglob("*")):
            if path.suffix in TYPES and path.is_file():
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
                self._files[digest + path.suffix] = path
                self._names[str(path.relative_to(audio).with_suffix(""))] = digest + path.suffix
        music = audio / f"{MUSIC}.wav"
        if music.is_file():
            self._music = _read(music)

    def name(self, audio: str) -> str | None:
        """The file name under which the recorded prompt ``audio`` is fetched; None: there is
        none."""
        return self._names.get(audio)

    async def get(self, name: str) -> tuple[str, bytes] | None:
        """The media type and the bytes of the file called ``name``; None: no such sound."""
        if _FILE.fullmatch(name):
            path = self._files.get(name)
            if path is None:
                return None
            return TYPES[path.suffix], await asyncio.to_thread(path.read_bytes)
        music = _NAME.fullmatch(name)
        if music is None:
            return None
        seconds = int(music[1]) if music[1] else None
        if seconds is not None and not 0 < seconds <= MOST_MUSIC_S:
            return None
        async with self._making:
            if self._music is None:
                self._music = await asyncio.to_thread(tune)
        return TYPES[".wav"], await asyncio.to_thread(cut, self._music, seconds)


def _read(path: Path) -> Pcm | None:
    try:
        with wave.open(str(path)) as opened:
            if opened.getsampwidth() == 2 and opened.getnchannels() == 1 and opened.getnframes():
                return Pcm(opened.getframerate(), opened.readframes(opened.getnframes()))
    except (wave.Error, EOFError, OSError) as error:
        log.error("music_not_read", file=path.name, why=str(error))
        return None
    log.error("music_not_read", file=path.name, why="not 16-bit PCM with one channel")
    return None


def cut(music: Pcm, seconds: int | None) -> bytes:
    """``music`` as a WAV file: whole, or repeated and cut to ``seconds`` with a soft end."""
    frames = music.frames
    if seconds is not None:
        size = 2 * music.rate * seconds
        frames = (frames * (size // len(frames) + 1))[:size]
        frames = _faded(frames, music.rate // 2)
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(music.rate)
        file.writeframes(frames)
    return made.getvalue()


def _faded(frames: bytes, count: int) -> bytes:
    tail = list(memoryview(frames[-2 * count :]).cast("h"))
    soft = (round(value * (len(tail) - n) / len(tail)) for n, value in enumerate(tail))
    return frames[: -2 * len(tail)] + struct.pack(f"<{len(tail)}h", *soft)


def tune() -> Pcm:
    """A slow tune, the same every time."""
    notes: dict[float, list[float]] = {}
    values: list[float] = []
    for number in range(TUNE_S // _NOTE_S):
        chord = _CHORDS[number // len(_CHORDS[0]) % len(_CHORDS)]
        for hertz in (high := chord[number % len(chord)], low := chord[0] / 2):
            if hertz not in notes:
                notes[hertz] = _note(hertz)
        values += [a + b / 2 for a, b in zip(notes[high], notes[low], strict=True)]
    return Pcm(_RATE, struct.pack(f"<{len(values)}h", *(round(_LOUD * v) for v in values)))


def _note(hertz: float) -> list[float]:
    """One note that swells, and dies away."""
    turn, count = 2 * math.pi * hertz / _RATE, _NOTE_S * _RATE
    return [
        min(1.0, n / 400, (count - n) / 800) * math.exp(-1.1 * n / _RATE) * math.sin(turn * n)
        for n in range(count)
    ]
