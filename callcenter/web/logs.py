"""Logs: one JSON object a line, on standard error, without personal data.

Everything passes here, ours and the libraries'. Fields that are named for something personal are
never written, and whatever looks like a telephone number, a case number or a PIN in any other text
is blotted out; ids (hexadecimal) and counts stay.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import IO, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

#: Fields that nobody may write, whatever their value.
_NEVER: Final = frozenset(
    {
        "caller",
        "employer",
        "from",
        "narrative",
        "number",
        "password",
        "phone",
        "pin",
        "query",
        "reporter_name",
        "secret",
        "text",
        "to",
        "token",
        "username",
    }
)
_SAFE: Final = frozenset({"timestamp", "level", "logger"})
#: Six or more digits in a row (perhaps with spaces or dashes between them) that are not part of a
#: longer word such as an id.
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z_])\+?\d(?:[ -]?\d){5,}(?![0-9A-Za-z_])")
_BLOT: Final = "[number]"
#: Libraries that say what we already say, or too much.
_QUIET: Final = ("uvicorn.access", "alembic", "aiohttp.access", "multipart", "asyncio")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """``event`` without personal data. A structlog processor."""
    clean: EventDict = {}
    for name, value in event.items():
        if name == "color_message":  # uvicorn's event once more, for a terminal
            continue
        if name in _NEVER:
            clean[name] = "[private]"
        elif name in _SAFE or value is None or isinstance(value, bool | int | float):
            clean[name] = value
        else:
            clean[name] = blot(value if isinstance(value, str) else repr(value))
    return clean


def blot(text: str) -> str:
    """``text`` with everything that looks like a number of a person or a case blotted out."""
    return _NUMBER.sub(_BLOT, text)


def configure(level: str = "info", stream: IO[str] | None = None) -> None:
    """Send all logs of this process to ``stream`` (standard error), from ``level`` on."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        redact,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
