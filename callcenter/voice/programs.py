"""The two programs that make speech: espeak-ng speaks, sox brings it to a telephone's rates."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

#: espeak-ng needs 0.03 s for 15 s of speech; a machine that needs this long is stuck.
LIMIT_S = 20.0
#: Below full scale, so that A-law and a second coder do not clip.
LEVEL_DB = "-3"


class CannotSpeak(Exception):
    """A program is absent or failed; the text says which and why."""


def lacking() -> str | None:
    """What is not installed and must be, in one line; None when speech can be made."""
    missing = [name for name in ("espeak-ng", "sox") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


async def speak(text: str, voice: str, rate: int, out: Path) -> None:
    """``text`` as a WAV file ``out``, at espeak-ng's own sampling rate.

    Raises:
        CannotSpeak
    """
    # The text goes in by standard input: it can never be taken for an option.
    await _run(["espeak-ng", "-v", voice, "-s", str(rate), "-w", str(out), "--stdin"], text)


async def resample(source: Path, rate: int, out: Path) -> None:
    """``source`` (anything sox reads) as 16-bit mono WAV of ``rate`` Hz, brought to our level.

    Raises:
        CannotSpeak
    """
    form = ["-t", "wav", "-b", "16", "-c", "1", "-e", "signed-integer"]
    effects = ["rate", "-v", str(rate), "gain", "-n", LEVEL_DB]
    await _run(["sox", "-D", str(source), *form, str(out), *effects])


async def _run(command: list[str], given: str = "") -> None:
    program = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise CannotSpeak(f"{program}: {error.strerror}") from error
    try:
        async with asyncio.timeout(LIMIT_S):
            _, said = await process.communicate(given.encode())
    except TimeoutError as error:
        raise CannotSpeak(f"{program}: no end after {LIMIT_S:.0f} s") from error
    finally:
        if process.returncode is None:  # too slow, or we were cancelled
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise CannotSpeak(f"{program} ended with {process.returncode}: {' '.join(last)[:200]}")
