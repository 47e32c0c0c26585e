"""The Facts of messages: their kinds, and the codes that they carry."""

from __future__ import annotations

from enum import StrEnum


class MessageFact(StrEnum):
    """Each but the last two carries ``message`` (its id) and ``channel``."""

    MESSAGE_PUT = "message_put"  #: template; unit, if it goes to one
    MESSAGE_REFUSED = "message_refused"  #: reason; it was never sent. Of one not put: also template
    MESSAGE_SENT = "message_sent"  #: the network has it
    MESSAGE_DELIVERED = "message_delivered"
    MESSAGE_READ = "message_read"
    MESSAGE_FAILED = "message_failed"  #: state: failed, undelivered or unknown; code
    OPTED_OUT = "opted_out"  #: somebody wants no messages; nothing says who
    OPTED_IN = "opted_in"
