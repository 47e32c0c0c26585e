"""The Asterisk line as the settings want it."""

from __future__ import annotations

from urllib.parse import urlsplit

from callcenter.settings import Settings
from callcenter.telephony.asterisk.ari import Access
from callcenter.telephony.asterisk.line import PREFIXES, AsteriskLine
from callcenter.telephony.asterisk.watch import PORT, Watch
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
        access,
        voice,
        ws=settings.browser_ws_url or "",
        trunk=settings.asterisk_trunk,
        prefixes=(*PREFIXES, *settings.callback_prefixes),
    )


def asterisk_watch(settings: Settings, line: AsteriskLine) -> Watch | None:
    """What looks after attacks on ``line``'s Asterisk and its trunk; None without a manager."""
    if settings.asterisk_ami_url is None:
        return None
    where = urlsplit(settings.asterisk_ami_url)
    return Watch(
        where.hostname or "",
        where.port or PORT,
        settings.asterisk_ami_password or "",
        ari=line.ari,
        trunk=(settings.asterisk_trunk or "").removeprefix("PJSIP/") or None,
    )
