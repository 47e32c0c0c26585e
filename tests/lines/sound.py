"""Listening to 8 kHz WAV files without ears: how loud, and how much of it is one tone."""

from __future__ import annotations

import math
import wave
from pathlib import Path


def samples(path: Path) -> list[int]:
    """The 16-bit samples of a mono WAV file."""
    with wave.open(str(path)) as opened:
        frames = opened.readframes(opened.getnframes())
    return list(memoryview(frames).cast("h"))


def level(path: Path) -> float:
    """Root mean square, 0 … 32767. Speech is in the thousands, silence below 50."""
    heard = samples(path)
    return math.sqrt(sum(value * value for value in heard) / max(1, len(heard)))


def share(path: Path, hz: float, rate: int = 8000) -> float:
    """Which share of the sound's power is at ``hz``, 0 … 1 (Goertzel in windows of 50 ms)."""
    heard, size = samples(path), rate // 20
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    at, total = 0.0, 0.0
    for start in range(0, len(heard) - size, size):
        one, two = 0.0, 0.0
        for value in heard[start : start + size]:
            one, two = value + turn * one - two, one
            total += value * value
        at += (one * one + two * two - turn * one * two) * 2 / size
    return at / total if total else 0.0
