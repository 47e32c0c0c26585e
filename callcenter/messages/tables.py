"""Messages, who wants none, and who was answered lately. Whom a message is for, and what is filled
into it, is encrypted under the message's own key; recipients are found by a keyed hash."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from callcenter.db import for_update, metadata
from callcenter.db.schema import Id, Millis, Sealed
from callcenter.messages.model import FAILED, Channel, State

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Id, nullable=False),
    Column("template", Id, nullable=False),
    Column("language", Id, nullable=False),
    Column("case", Id),
    Column("call", Id),
    Column("unit", Id),  #: whose address it goes to, if it is no citizen's
    Column("key", Sealed),  #: wrapped; empty once the message was forgotten
    Column("recipient", Sealed),
    Column("recipient_hash", Id),
    Column("params", Sealed),
    Column("state", Id, nullable=False),
    Column("reason", Id),  #: why it was refused
    Column("error_code", Integer),  #: the provider's, why it failed
    Column("attempts", Integer, nullable=False),
    Column("next_at", Millis),  #: when it must be seen to: sent, or looked for
    Column("asked_at", Millis),  #: when it was last asked for
    #: Between which minutes since midnight it may be sent, in which zone; NULL: at any time.
    Column("hours_from", Integer),
    Column("hours_until", Integer),
    Column("zone", Id),
    Column("provider_id", Id, unique=True),
    Column("created_at", Millis, nullable=False),
    Column("updated_at", Millis, nullable=False),
    Index("ix_message_call", "call", "created_at"),
    Index("ix_message_case", "case", "created_at"),
    Index("ix_message_created", "created_at"),
    Index("ix_message_recipient", "recipient_hash", "created_at"),
)
_pending = message.c.next_at.is_not(None)
Index("ix_message_due", message.c.next_at, sqlite_where=_pending, postgresql_where=_pending)

#: Who wants no messages.
opted_out = Table(
    "opted_out",
    metadata,
    Column("recipient_hash", Id, primary_key=True),
    Column("at", Millis, nullable=False),
)

#: Who wrote to us and was answered, kept as long as they are not answered again.
answered = Table(
    "answered_writer",
    metadata,
    Column("writer_hash", Id, primary_key=True),
    Column("message", Id, nullable=False),  #: the provider's name of what they wrote
    Column("at", Millis, nullable=False),
    Index("ix_answered_writer_at", "at"),
)

# Made once: to make a statement anew costs several times what it takes to run.
INSERT = insert(message)
SET = update(message).where(message.c.id == bindparam("of"))
LOCKED = for_update(select(message).where(message.c.id == bindparam("of")))
BY_PROVIDER = select(message.c.id).where(message.c.provider_id == bindparam("of"))
KNOWN = select(message.c.provider_id).where(
    message.c.provider_id.in_(bindparam("of", expanding=True))
)
LATEST = (
    select(message.c.channel, message.c.state, message.c.reason, message.c.error_code)
    .where(
        message.c.call == bindparam("of"),
        message.c.case == bindparam("about"),
        message.c.template == bindparam("name"),
    )
    .order_by(message.c.created_at.desc(), message.c.id.desc())
    .limit(1)
)
LAST_CHANNEL = (
    select(message.c.channel)
    .where(
        message.c.case == bindparam("about"),
        message.c.template == bindparam("name"),
        message.c.state != State.REFUSED.value,
    )
    .order_by(message.c.created_at.desc(), message.c.id.desc())
    .limit(1)
)
PUT_SINCE = (
    select(message.c.id)
    .where(
        message.c.case == bindparam("about"),
        message.c.created_at >= bindparam("since"),
        message.c.template == bindparam("name"),
    )
    .limit(1)
)
#: The same, but for those that were refused or did not arrive.
TOLD_SINCE = PUT_SINCE.where(message.c.state.not_in([state.value for state in FAILED]))
#: Those to citizens that are still readable.
_OPEN = select(message).where(message.c.unit.is_(None), func.length(message.c.key) > 0)
_READABLE = for_update(_OPEN)
TO_READ = _OPEN.where(message.c.case == bindparam("of")).order_by(message.c.created_at)
OF_CALL = _READABLE.where(message.c.call == bindparam("of")).order_by(message.c.id)
OF_CASE = _READABLE.where(message.c.case == bindparam("of")).order_by(message.c.id)
_SOON = _pending & (message.c.next_at <= bindparam("now"))
DUE = for_update(
    select(message)
    .where(_SOON, message.c.state == bindparam("state"))
    .order_by(message.c.next_at, message.c.id)
    .limit(bindparam("most")),
    skip_locked=True,
)
NEXT_DUE = select(func.min(message.c.next_at)).where(_pending)
WAITING = for_update(
    select(message)
    .where(
        message.c.case == bindparam("about"),
        message.c.state == State.WAITING.value,
        message.c.template.in_(bindparam("names", expanding=True)),
    )
    .order_by(message.c.id)
)

_COUNTED = (message.c.state != State.REFUSED.value) & (message.c.channel != Channel.EMAIL.value)
_SINCE = message.c.created_at > bindparam("since")


def _at_most(*conditions: ColumnElement[bool]) -> Select[int]:
    """How many there are, counted no further than ``most``."""
    rows = select(message.c.id).where(*conditions, _COUNTED).limit(bindparam("most")).subquery()
    return select(func.count()).select_from(rows)


COUNT = _at_most(_SINCE)
COUNT_EACH = _at_most(message.c.recipient_hash == bindparam("of"), _SINCE)

IS_OUT = select(opted_out.c.recipient_hash).where(opted_out.c.recipient_hash == bindparam("of"))
NO_MORE_OUT = delete(opted_out).where(opted_out.c.recipient_hash == bindparam("of"))
ANSWERED = for_update(
    select(answered.c.message, answered.c.at).where(answered.c.writer_hash == bindparam("of"))
)
COUNT_ANSWERED = select(func.count()).select_from(
    select(answered.c.at)
    .where(answered.c.at > bindparam("since"))
    .limit(bindparam("most"))
    .subquery()
)
FORGET_ANSWERED = delete(answered).where(answered.c.at <= bindparam("before"))
