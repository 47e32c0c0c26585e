"""Recordings: what was heard while Record listened, as a WAV file of 8 kHz and 16 bits.

Source: https://www.twilio.com/docs/voice/twiml/record and /docs/voice/api/recording.
"""

from __future__ import annotations

import io
import math
import struct
import wave
from dataclasses import dataclass, field

RATE = 8000
_TONE_HZ = 440

#: When somebody spoke, in virtual seconds.
Interval = tuple[float, float]


@dataclass
class Recording:
    """``sound``: the intervals with speech, relative to the start. ``ready_at``: when the file can
    be fetched."""

    sid: str
    call: str
    started_at: float
    sound: list[Interval] = field(default_factory=list)
    length_s: float = 0.0
    trim: bool = True
    status: str = "in-progress"
    ready_at: float = math.inf

    @property
    def silent(self) -> bool:
        return not self.sound

    @property
    def kept(self) -> Interval:
        """What is left after trimming, relative to the start."""
        if not self.trim:
            return 0.0, self.length_s
        if not self.sound:
            return 0.0, 0.0
        return self.sound[0][0], self.sound[-1][1]

    @property
    def duration(self) -> int:
        """Whole seconds, of what is kept."""
        start, end = self.kept
        return seconds(end - start)

    def wav(self) -> bytes:
        start, end = self.kept
        frames = bytearray()
        for n in range(int((end - start) * RATE)):
            at = start + n / RATE
            loud = any(a <= at < b for a, b in self.sound)
            level = int(8000 * math.sin(2 * math.pi * _TONE_HZ * at)) if loud else 0
            frames += struct.pack("<h", level)
        made = io.BytesIO()
        with wave.open(made, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(bytes(frames))
        return made.getvalue()


def seconds(length: float) -> int:
    """A length as Twilio reports it: whole seconds, and what was heard is never 0."""
    return max(1, round(length)) if length > 0 else 0


def length_of(sound: bytes) -> float | None:
    """The seconds of a WAV file; None when it is something else."""
    try:
        with wave.open(io.BytesIO(sound)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError):
        return None
