"""The ways in which a wish of an agent is turned down."""

from __future__ import annotations


class NotYours(LookupError):
    """There is no such call, offer or case for this agent."""


class TooLate(Exception):
    """What the agent answers is over: the offer went to somebody else, the caller hung up."""


class NotNow(Exception):
    """The agent's state does not allow it; the message says which state it is."""
