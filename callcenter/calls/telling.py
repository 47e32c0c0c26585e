"""Telling a caller in writing: the agent sends the case number to the number that called.

The number is the network's word for who calls, and the agent has asked whether it is the caller's
own, and whether they may be written to there when there is news: see docs/agent.md. From then on
they are (``cases/post``).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from callcenter.calls import tables
from callcenter.calls.errors import MessageRefused, NotYours
from callcenter.calls.service import Calls, Done
from callcenter.cases import service as cases
from callcenter.cases.post import letters
from callcenter.cases.post.letters import Writing
from callcenter.cases.reporters import service as reporters
from callcenter.cases.reporters.service import Form
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.messages import service as messages
from callcenter.messages.model import Channel, Reason
from callcenter.messages.service import About, Latest
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentState

TEMPLATE = letters.NUMBER
#: One is on its way, or has arrived.
ALREADY_SENT = "already_sent"
#: Spoken of with callers who chose no language.
LANGUAGE = "id"

_MAY = (AgentState.TALKING, AgentState.WRAP_UP)
#: Channels that citizens are written to on, in the order in which they are offered.
_TO_CITIZENS = (Channel.SMS, Channel.WHATSAPP)


class TellingView(msgspec.Struct, frozen=True):
    """What an agent may send now, and what was sent in this call about its case."""

    channels: tuple[Channel, ...]
    latest: Latest | None


class Telling:
    """``posted``: called when a message was put, after the commit."""

    def __init__(self, calls: Calls, writing: Writing, posted: Callable[[], None]) -> None:
        self._calls = calls
        self._texts = writing.texts
        self._allowed = writing.allowed
        self._posted = posted

    def view(self, connection: Connection, call: str) -> TellingView | None:
        """What the console of the call's agent shows; None when there is no case, or no number."""
        found = tables.who_called(connection, call)
        if found is None or found.case is None or found.withheld:
            return None
        latest = messages.latest(connection, call=call, case=found.case, template=TEMPLATE)
        over = latest is not None and not latest.failed
        return TellingView(() if over else self._channels(found.language), latest)

    async def send_number(self, agent: str, call: str, channel: Channel) -> None:
        """Send the number of the call's case to the caller.

        Raises:
            NotYours: the agent is not in this call or its wrap-up, or it has no case.
            MessageRefused: it may not be sent, or was sent already.
        """
        refused: list[Reason | None] = []

        def decide(connection: Connection, given: Given) -> Done:
            refused[:] = [self._put(connection, given, agent, call, channel)]
            return Done()

        await self._calls.commit(decide)
        if refused[0] is not None:
            raise MessageRefused(refused[0].value)
        self._posted()

    def _put(
        self, connection: Connection, given: Given, agent: str, call: str, channel: Channel
    ) -> Reason | None:
        keys = self._calls.keys
        stored = tables.load(connection, keys, call)
        busy = queue.load_agent(connection, agent, lock=True)
        if stored is None or busy is None or busy.call != call or busy.state not in _MAY:
            raise NotYours(call)
        case = stored.call.case
        if case is None:
            raise NotYours(call)
        language = stored.call.language or LANGUAGE
        if channel not in self._channels(language):
            raise MessageRefused(Reason.NO_SENDER.value)
        latest = messages.latest(connection, call=call, case=case, template=TEMPLATE)
        if latest is not None and not latest.failed:
            raise MessageRefused(ALREADY_SENT)
        found = cases.load(connection, keys, case)
        caller = tables.caller_number(keys, stored)
        if caller is not None and not found.anonymous and cases.opened_by(connection, call, case):
            # The agent has asked whether they may be written to there, now and when there is news.
            said = Form(may_message=True)
            reporters.save(connection, keys, given, case=case, form=said, caller=caller, by=agent)
        return messages.put(
            connection,
            keys,
            given,
            self._allowed,
            channel=channel,
            template=TEMPLATE,
            language=language,
            recipient=caller,
            params=letters.to_reporter(found.number),
            about=About(call=call, case=case, agent=agent),
        )

    def _channels(self, language: str | None) -> tuple[Channel, ...]:
        """Those that something sends on; WhatsApp takes a first message only as a template."""
        content = self._texts.content(TEMPLATE, language or LANGUAGE)
        return tuple(
            one
            for one in _TO_CITIZENS
            if one in self._allowed.channels and (one is Channel.SMS or content is not None)
        )
