"""The Asterisk line as the settings want it."""

from __future__ import annotations

from callcenter.settings import Settings
from callcenter.telephony.asterisk.ari import Access
from callcenter.telephony.asterisk.line import AsteriskLine
from callcenter.voice.sounds import Voice


def asterisk_line(settings: Settings, voice: Voice) -> AsteriskLine:
    """The line; ``voice`` speaks its prompts."""
    access = Access(
        settings.asterisk_ari_url or "",
        settings.asterisk_ari_user,
        settings.asterisk_ari_password or "",
        settings.asterisk_ari_app,
    )
    return AsteriskLine(
        access, voice, ws=settings.browser_ws_url or "", trunk=settings.asterisk_trunk
    )
