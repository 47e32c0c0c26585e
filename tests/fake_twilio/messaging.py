"""Messages, and what decides what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Message:
    """``status``: queued or accepted, sent, delivered, undelivered, failed; received when in."""

    sid: str
    direction: str
    from_: str
    to: str
    body: str
    status: str
    created_at: float
    service: str = ""
    content_sid: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    error_code: int | None = None
    callback: str = ""


@dataclass
class Messaging:
    """What is set up for messages, and what became of them.

    ``services``: SID -> its senders. ``templates``: approved ContentSids. ``fates``: number -> the
    error code of what is sent to it (30003 unreachable, 30006 landline).
    """

    services: dict[str, list[str]] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    fates: dict[str, int] = field(default_factory=dict)
    stopped: set[tuple[str, str]] = field(default_factory=set)
    sent: dict[str, Message] = field(default_factory=dict)
    last_in: dict[str, float] = field(default_factory=dict)
