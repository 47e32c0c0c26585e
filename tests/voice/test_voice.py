"""Prompts become sound files: once, whole, and without holding anybody up."""

from __future__ import annotations

import asyncio
import os
import time
import wave
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from callcenter.voice import Voice, programs
from callcenter.voice.sounds import clean


@pytest.fixture
def voice(tmp_path: Path) -> Voice:
    return Voice(
        tmp_path / "sounds",
        voices={"id": "id+f2", "en": "en+f2"},
        rate=140,
        audio=tmp_path / "audio",
    )


def shape(path: Path) -> tuple[int, int, int]:
    """Rate, channels, bytes per sample."""
    with wave.open(str(path)) as sound:
        return sound.getframerate(), sound.getnchannels(), sound.getsampwidth()


@pytest.mark.needs("espeak", "sox")
async def test_a_text_is_made_once_at_both_rates(voice: Voice) -> None:
    first = await voice.say("Selamat pagi.", "id")
    assert first is not None
    assert 500 < first.ms < 5000
    assert shape(first.stem.with_name(first.stem.name + ".wav")) == (8000, 1, 2)
    assert shape(first.stem.with_name(first.stem.name + ".wav16")) == (16000, 1, 2)
    assert await voice.say("Selamat pagi.", "id") == first
    assert voice.made == 1
    assert await voice.say("Selamat pagi.", "en") != first
    assert voice.find(first.stem.name) == first.stem.with_name(first.stem.name + ".wav")
    assert voice.find("../secret") is None
    assert voice.find("0" * 32) is None


@pytest.mark.needs("espeak", "sox")
async def test_many_who_ask_at_once_get_one_and_one_who_leaves_disturbs_nobody(
    voice: Voice, tmp_path: Path
) -> None:
    asking = [asyncio.create_task(voice.say("Mohon tunggu.", "id")) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    sounds = await asyncio.gather(*asking[1:])
    assert None not in sounds
    assert len(set(sounds)) == 1
    assert voice.made == 1
    assert {path.suffix for path in (tmp_path / "sounds").iterdir()} == {".wav", ".wav16"}


@pytest.mark.needs("espeak", "sox")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("turns", range(8))
def test_the_end_waits_for_no_program_that_is_being_started(voice: Voice, turns: int) -> None:
    """Whatever the loop has come to when it is over (``asyncio.run`` would not come back)."""

    begun = asyncio.Event()
    begin = asyncio.create_subprocess_exec

    async def noting(*command: str, **more: Any) -> asyncio.subprocess.Process:
        begun.set()
        return await begin(*command, **more)

    async def ask_and_end() -> None:
        asking = asyncio.create_task(voice.say("Mohon tunggu.", "id"))
        await begun.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        await voice.stop()
        assert voice.made == 0
        assert not asking.done() or asking.cancelled()

    with patch.object(asyncio, "create_subprocess_exec", noting):
        asyncio.run(ask_and_end())
    assert asyncio.run(voice.say("Terima kasih.", "id")) is None


@pytest.mark.needs("espeak", "sox")
async def test_two_processes_may_make_the_same(voice: Voice, tmp_path: Path) -> None:
    other = Voice(tmp_path / "sounds", voices={"id": "id+f2"}, rate=140)
    one, two = await asyncio.gather(voice.say("Halo.", "id"), other.say("Halo.", "id"))
    assert one == two


@pytest.mark.needs("espeak", "sox")
async def test_finite_sets_are_made_before_anybody_waits(voice: Voice) -> None:
    digits = [(word, "id") for word in ("nol", "satu", "dua", "tiga")]
    assert await voice.prepare(digits) == 4
    assert voice.made == 4
    assert await voice.prepare(digits) == 4
    assert voice.made == 4


@pytest.mark.needs("espeak", "sox")
async def test_a_recorded_prompt_is_taken_and_its_text_spoken_where_it_is_not(
    voice: Voice, tmp_path: Path
) -> None:
    await programs.speak("Rekaman.", "id+f2", 140, tmp_path / "a.wav")
    (tmp_path / "audio").mkdir()
    (tmp_path / "a.wav").rename(tmp_path / "audio/greeting.wav")
    recorded = await voice.play("greeting", "Selamat datang.", "id")
    spoken = await voice.say("Selamat datang.", "id")
    assert recorded is not None
    assert recorded != spoken
    for absent in ("nothing", "../secret", "/etc/passwd", "a\0b"):
        assert await voice.play(absent, "Selamat datang.", "id") == spoken
    (tmp_path / "audio/broken.wav").write_bytes(b"no sound")
    assert await voice.play("broken", "Selamat datang.", "id") == spoken
    assert voice.failed == 1


async def test_pauses_and_the_beep_need_no_program(
    voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice.lacking = "not installed: espeak-ng, sox"
    monkeypatch.setenv("PATH", "")
    pause, beep = await voice.pause(700), await voice.beep()
    assert pause is not None
    assert pause.ms == 700
    assert beep is not None
    assert beep.ms == 400
    assert shape(beep.stem.with_name(beep.stem.name + ".wav")) == (8000, 1, 2)


async def test_without_espeak_there_is_no_sound_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    voice = Voice(tmp_path / "sounds", voices={"id": "id"}, rate=140)
    assert voice.lacking == "not installed: espeak-ng, sox"
    assert await voice.say("Halo.", "id") is None
    assert voice.failed == 1


@pytest.mark.needs("espeak", "sox")
async def test_text_is_no_command(voice: Voice) -> None:
    assert await voice.say("-w /tmp/x", "id") is not None
    assert await voice.say("", "id") is None
    assert await voice.say("Halo", "xx") is None
    assert await voice.say("kata " * 5000, "id") is not None
    assert voice.failed == 0


def test_what_is_spoken() -> None:
    assert clean(" a\r\nb\0c [[x]] ") == "a b c x"


async def test_a_program_that_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "espeak-ng"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(programs, "LIMIT_S", 0.2)
    voice = Voice(tmp_path / "sounds", voices={"id": "id"}, rate=140)
    voice.lacking = None
    assert await voice.say("Halo.", "id") is None


async def test_the_oldest_go_first(voice: Voice, tmp_path: Path) -> None:
    old, new = await voice.pause(100), await voice.pause(200)
    assert old is not None
    assert new is not None
    for kind in (".wav", ".wav16"):
        os.utime(old.stem.with_name(old.stem.name + kind), (1, 1))
    left = tmp_path / "sounds/.making-left"
    left.mkdir()
    os.utime(left, (1, 1))
    size = sum(path.stat().st_size for path in (tmp_path / "sounds").glob("*.wav*"))
    assert await voice.prune(size - 1) >= 1
    assert voice.find(old.stem.name) is None
    assert voice.find(new.stem.name) is not None
    assert not left.exists()
    assert await voice.pause(100) == old  # made again
    assert time.time() > 1
