"""What Twilio tells about messages in writing: what became of ours, and what people write to us.

Of what people write nothing is kept: it is looked at for the words that stop messages, and
everybody is answered the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar
from xml.sax.saxutils import escape

import structlog

from callcenter.clock import Clock
from callcenter.db import Connection, Database, DatabaseAway
from callcenter.db.facts import written
from callcenter.db.keys import Keys
from callcenter.messages import rules
from callcenter.messages import service as messages
from callcenter.messages.rules import Allowed, Word
from callcenter.messages.texts import Texts
from callcenter.telephony.twilio.addresses import INCOMING, MESSAGES, STATUS
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.messaging import EVENTS, MESSAGE, WHATSAPP
from callcenter.telephony.twilio.signature import Secrets
from callcenter.telephony.twilio.webhooks import PREFIX, BadWebhook, Request, Signed, signed

log = structlog.get_logger(__name__)

#: Between tries to note what somebody wants while the database is away, in seconds.
AGAIN_S = 1.0
#: So many wait for the database at most.
MOST_WAITING = 1000
#: Nobody knows the language of whoever writes, and nobody is looked up for it.
LANGUAGE = "id"
XML = "text/xml; charset=utf-8"
NOTHING = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

_ID = re.compile(r"[0-9a-f]{32}")
_CODE = re.compile(r"[0-9]{1,6}")
T = TypeVar("T")


class Inbox:
    """Hears the webhooks of messages. ``tell``: called when there are Facts to seal."""

    def __init__(
        self,
        options: Options,
        secrets: Secrets,
        *,
        database: Database,
        keys: Keys,
        clock: Clock,
        texts: Texts,
        allowed: Allowed,
        tell: Callable[[], None],
    ) -> None:
        self._options = options
        self._secrets = secrets
        self._database = database
        self._keys = keys
        self._clock = clock
        self._texts = texts
        self._allowed = allowed
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()

    async def webhook(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Answer a request that says it is Twilio's: status, media type, body.

        ``target``: path and query as they were sent. ``headers``: names in lower case.

        Raises:
            DatabaseAway
        """
        try:
            given = signed(
                Request(method, target, headers, body),
                base=self._options.base_url,
                account=self._options.account,
                secrets=self._secrets,
            )
            match given.path.removeprefix(PREFIX).split("/"):
                case [one, two] if (one, two) == (MESSAGES, INCOMING):
                    return 200, XML, await self._incoming(given)
                case [one, message, three] if (one, three) == (MESSAGES, STATUS):
                    await self._status(message, given)
                    return 204, "text/plain", b""
                case _:
                    raise BadWebhook(404, "no such webhook")
        except BadWebhook as bad:
            log.warning("twilio_webhook_refused", why=str(bad), status=bad.status)
            return bad.status, "text/plain", b""

    async def stop(self) -> None:
        """Give up what waits for the database."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what became of ours ------------------------------------------------------------------

    async def _status(self, message: str, given: Signed) -> None:
        event = EVENTS.get(given.form.get("MessageStatus", ""))
        sid, code = given.form.get("MessageSid", ""), given.form.get("ErrorCode", "")
        if not _ID.fullmatch(message):
            raise BadWebhook(404, "no such message")
        if not MESSAGE.fullmatch(sid):
            raise BadWebhook(400, "no MessageSid")
        if event is None:
            return
        became = partial(
            messages.became,
            keys=self._keys,
            now=self._clock.now(),
            message=message,
            event=event,
            provider_id=sid,
            code=int(code) if _CODE.fullmatch(code) else 0,
        )
        await self._write(became)

    # --- what people write --------------------------------------------------------------------

    async def _incoming(self, given: Signed) -> bytes:
        sender = given.form.get("From", "")
        number, sid = sender.removeprefix(WHATSAPP), given.form.get("MessageSid", "")
        if not MESSAGE.fullmatch(sid):
            raise BadWebhook(400, "no MessageSid")
        text = given.form.get("Body", "")
        asks = rules.word(text)
        theirs = "OptOutType" in given.form or (
            not sender.startswith(WHATSAPP) and rules.answered_by_network(text)
        )
        noted = partial(
            messages.written_to_us,
            keys=self._keys,
            now=self._clock.now(),
            number=number,
            message=sid,
            word=asks,
            answer=not theirs and rules.may_answer(self._allowed, number),
        )
        try:
            template = await self._write(noted)
        except DatabaseAway:
            if asks is not Word.OTHER and len(self._tasks) < MOST_WAITING:
                self._spawn(noted)
            raise
        if template is None:
            return NOTHING
        text = escape(self._texts.text(template, LANGUAGE, {}))
        return NOTHING.replace(b"></", f"><Message>{text}</Message></".encode())

    def _spawn(self, noted: Callable[[Connection], str | None]) -> None:
        """Twilio does not tell again that somebody wants no messages."""
        task = asyncio.create_task(self._later(noted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, noted: Callable[[Connection], str | None]) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            try:
                await self._write(noted)
                return
            except DatabaseAway:
                continue

    async def _write(self, fn: Callable[[Connection], T]) -> T:
        def transaction(connection: Connection) -> tuple[T, bool]:
            return fn(connection), written(connection)

        result, facts = await self._database.write(transaction)
        if facts:
            self._tell()
        return result
