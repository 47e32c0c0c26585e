"""The ways in which a wish of an agent is turned down."""

from __future__ import annotations


class NotYours(LookupError):
    """There is no such call, offer or case for this agent."""


class TooLate(Exception):
    """What the agent answers is over: the offer went to somebody else, the caller hung up."""


class NotNow(Exception):
    """The agent's state does not allow it; the message says which state it is."""


class MessageRefused(Exception):
    """A message to a caller may not be sent; ``reason`` is the code that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the message may not be sent: {reason}")
        self.reason = reason
