"""One caller's walk through a flow: small, frozen, resumable by any process.

A visit is pinned to the :class:`~callcenter.ivr.flowset.FlowSet` that it began in by that set's
hash. It may hold secrets (a PIN that was just given, one that was just keyed in) for as long as
they are needed, so it is kept encrypted. As JSON it stays under :data:`VISIT_BYTES`, which the
limits below and those of :mod:`callcenter.ivr.model` see to.
"""

from __future__ import annotations

import msgspec

#: A visit as JSON, bytes.
VISIT_BYTES = 2048
#: Nodes visited from one turn of the caller's to the next; beyond it the flow goes to ``on_error``.
NODES_PER_STEP = 100
#: Keys waits answered (by digits or by silence) in one call; beyond it: ``on_error``.
INPUTS_PER_CALL = 200
#: Keys waits answered after that; beyond it the caller hears ``system.sorry`` and the call ends.
INPUTS_AFTER_ERROR = 50
#: Flows inside one another (waiting flows, called flows).
FRAMES = 4

Value = str | int | bool | None


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A flow that goes on when the one inside it is left: at ``node``, a queue or call node."""

    flow: str
    node: str


class Visit(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a caller is, and what the flow knows. Change is a copy.

    ``flow_set`` is the hash of the flows it runs in, ``topic`` the topic chosen so far, ``case``
    the id of the case that this call is about, ``claim`` by what right the caller goes on with it
    (``opened``: in this call; ``pin``: gave its PIN; empty: a draft that a call from the same
    telephone left, of which nothing is told), ``can`` what its reporter may do to it now,
    ``queueing`` that the caller has an entry in a queue (waiting or talking), ``finished`` that the
    leg is gone and nothing more will come.
    """

    flow_set: str
    flow: str
    node: str
    language: str
    timezone: str
    #: The tag of the wait or the Need whose answer it expects; empty when finished.
    expects: str = ""
    #: Where inside a node it is, for nodes that wait more than once (``confirm``, ``consent``).
    part: str = ""
    frames: tuple[Frame, ...] = ()
    queueing: bool = False
    finished: bool = False
    #: The leg is gone; only ``on_hangup`` nodes run. ``left_at``: where the caller was.
    gone: bool = False
    left_at: str = ""
    #: It has been to ``on_error``; the next error ends the call.
    erred: bool = False
    #: Opening hours are not looked at.
    always_open: bool = False
    #: Of the node it is at.
    silences: int = 0
    wrongs: int = 0
    repeats: int = 0
    #: Of the whole call, and since the caller's latest turn.
    inputs: int = 0
    visited: int = 0
    joined_at: int | None = None
    topic: str | None = None
    case: str | None = None
    case_number: str | None = None
    pin: str | None = None
    status: str | None = None
    unit: str | None = None
    due: int | None = None
    claim: str = ""
    waits_for: str | None = None
    late_days: int = 0
    head_told: bool = False
    note: bool = False
    can: tuple[str, ...] = ()
    weakness: str | None = None
    #: What the caller's agent should speak, if it is another language than the prompts'.
    speaks: str | None = None
    position: int | None = None
    wait_s: int | None = None
    recording: str | None = None
    recorded_s: int = 0
    vars: dict[str, Value] = {}

    @property
    def stage(self) -> str:
        """The id of the node where the caller is, or was when the leg was gone."""
        return self.left_at or self.node

    def encode(self) -> bytes:
        """As JSON, shorter than :data:`VISIT_BYTES`."""
        return msgspec.json.encode(self)


#: JSON to a Visit; raises ``msgspec.ValidationError`` (and ``DecodeError`` when it is not JSON).
decode_visit = msgspec.json.Decoder(Visit).decode
