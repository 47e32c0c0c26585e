"""Prompt text becomes a sound file."""

from callcenter.voice.sounds import Sound, Voice

__all__ = ["Sound", "Voice"]
