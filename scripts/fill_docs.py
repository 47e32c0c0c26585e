"""Write into the documents what the code says: life cycles, settings, limits, lines, commands.

    make docs

Each ``<!-- from the code: NAME -->`` in README.md and docs/ is followed by what ``BLOCKS[NAME]``
gives, up to ``<!-- end -->``; each ``<!-- NAME -->`` of a limit by its number (times in seconds).
``tests/docs`` fails when a page says something else than the code.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Final, TypeVar, cast
from zoneinfo import ZoneInfo

import typer
import typer.core
import typer.main
from prometheus_client import REGISTRY
from prometheus_client.core import Metric

from callcenter import __main__ as command_line
from callcenter import resources, settings
from callcenter.calls import life, moves
from callcenter.calls.facts import CallFact
from callcenter.calls.model import CallState, LegState
from callcenter.calls.moves import Doing, Life
from callcenter.cases import deadlines, statuses
from callcenter.cases.clocks import Counting
from callcenter.cases.facts import CaseFact
from callcenter.line import Capabilities
from callcenter.messages.facts import MessageFact
from callcenter.messages.model import MESSAGE_TABLE
from callcenter.messages.model import Event as MessageEvent
from callcenter.messages.model import State as MessageState
from callcenter.people.permissions import PERMISSIONS, Permission, Role
from callcenter.queue import agents, entries
from callcenter.queue.facts import QueueFact
from callcenter.stats.board import Board
from callcenter.telephony.asterisk.ari import Access
from callcenter.telephony.asterisk.line import AsteriskLine
from callcenter.telephony.simulator.line import SimulatorLine
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.telephony.twilio.line import capabilities as twilio
from callcenter.voice.sounds import Voice
from callcenter.web import errors
from callcenter.web.admin import BoardGauges, CalendarFigures, LineFigures
from callcenter.web.hub import Hub
from scripts import privacy_docs
from scripts.privacy_docs import table

ROOT: Final = Path(__file__).resolve().parent.parent
#: Random histories that are played to see where a call goes.
HISTORIES: Final = 1_000

_NUMBER = re.compile(r"(<!-- ([A-Z_]+) -->)\d+")
_BLOCK = re.compile(r"(<!-- from the code: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: (from, what happened, to)
Arrow = tuple[str, str, str]
State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=str)


# --- pictures and tables --------------------------------------------------------------------------


def picture(first: str, states: Iterable[str], arrows: Iterable[Arrow]) -> str:
    """A Mermaid state diagram: one arrow for each pair of states, with all that leads that way."""
    ways: dict[tuple[str, str], list[str]] = {}
    for before, happened, after in arrows:
        ways.setdefault((before, after), []).append(happened.replace("_", " "))
    left = {before for before, after in ways if before != after}
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    lines += [f"    {a} --> {b}: {', '.join(words)}" for (a, b), words in ways.items()]
    lines += [f"    {state} --> [*]" for state in states if state not in left]
    return "\n".join([*lines, "```"])


def drawn(first: State, states: type[State], ways: Mapping[tuple[State, Event], State]) -> str:
    """The picture of a table (state, event) → state."""
    arrows = [(before.value, str(event), after.value) for (before, event), after in ways.items()]
    return picture(first.value, [state.value for state in states], arrows)


# --- the life of a call ---------------------------------------------------------------------------


def call_arrows(seeds: Iterable[int]) -> set[Arrow]:
    """Where calls went in these random histories: each change of state and what led to it."""
    from tests.rules import histories

    seen: set[Arrow] = set()

    def watched(key: tuple[CallState, str], handler: life.Handler) -> life.Handler:
        def walk(one: Life, happened: life.Happened) -> Doing:
            yield from handler(one, happened)
            before, happening = key
            if one.refused is None and one.call.state is not before:
                seen.add((before.value, happening, one.call.state.value))

        return walk

    handlers = dict(life.TABLE)
    try:
        life.TABLE.update({key: watched(key, handler) for key, handler in handlers.items()})
        for seed in seeds:
            assert histories.failure(seed) is None, seed
    finally:
        life.TABLE.update(handlers)
    return seen


def call_life() -> str:
    order = [state.value for state in CallState]
    arrows = call_arrows(range(HISTORIES))
    ordered = sorted(arrows, key=lambda one: (order.index(one[0]), order.index(one[2]), one[1]))
    return picture(CallState.IVR.value, order, ordered)


def call_table() -> str:
    """What happened x state → the function in calls/life.py, as its TABLE has it."""
    triggers = list(dict.fromkeys(trigger for _, trigger in life.TABLE))

    def cell(state: CallState, trigger: str) -> str:
        handler = life.TABLE.get((state, trigger))
        return "" if handler is None else f"`{handler.__name__}`"

    rows = [[trigger, *(cell(state, trigger) for state in CallState)] for trigger in triggers]
    return table(["what happened", *CallState], *rows)


# --- the life of a case ---------------------------------------------------------------------------

#: Stands in the picture and the table for all statuses that are not final.
ANY_OPEN: Final = "any_open"


def case_moves() -> list[tuple[str, str, statuses.Move]]:
    """The table of a case; what can be done to every open one stands there once, at the end."""
    moves = {
        (ANY_OPEN if event is statuses.CaseEvent.WITHDRAW else of.value, event.value): move
        for (of, event), move in statuses.CASE_TABLE.items()
    }
    return [(of, event, move) for (of, event), move in moves.items()]


def case_life() -> str:
    arrows = [(of, event, move.to.value) for of, event, move in case_moves()]
    return picture(
        statuses.CaseStatus.DRAFT, [status.value for status in statuses.CaseStatus], arrows
    )


def case_table() -> str:
    """Where, what, to where; who may, bound by which limit; and with what."""

    def who(move: statuses.Move) -> str:
        return ", ".join(
            actor if limit is None else f"{actor} (`{limit}`)" for actor, limit in move.by.items()
        )

    def carried(move: statuses.Move) -> str:
        return ", ".join(field.replace("_", " ") for field in move.needs)

    rows = [
        [*(word.replace("_", " ") for word in (of, event, move.to)), who(move), carried(move)]
        for of, event, move in case_moves()
    ]
    return table(["from", "what happens", "to", "who", "with"], *rows)


def case_words() -> str:
    rows = [
        [status.replace("_", " "), *wording.text.values(), wording.lapor, statuses.open311(status)]
        for status, wording in statuses.WORDING.items()
    ]
    return table(["status", "Indonesia", "English", "LAPOR!", "Open311"], *rows)


def case_limits() -> str:
    """The limits of a case as the shipped file has them, and what begins and ends each."""
    shipped = deadlines.load((resources.flows() / deadlines.FILE).read_text(encoding="utf-8"))
    source = inspect.getsource(deadlines.Code)
    rows = []
    for code, limit in shipped.items():
        meaning = re.search(rf'= "{code}"  #: (.*)', source)
        assert meaning, code
        amount = f"{limit.value} {limit.measure.replace('_', ' ')}"
        doubt = "" if limit.verified else " **(not verified)**"
        still = "yes" if limit.pauses else ""
        rows.append([f"`{code}`", meaning[1], amount, still, limit.source + doubt])
    return table(["limit", "", "value", "stands still", "source"], *rows)


# --- lines ----------------------------------------------------------------------------------------

#: A capability in words. `lines` fails when one is missing here.
CAPABILITIES: Final = {
    "type_ahead": "keys pressed before the question ends are kept",
    "measured_ring": "ringing is told by the agent's phone itself",
    "two_timeouts": "time for the first key and between keys are kept apart",
    "whisper": "an agent can be told something before the caller hears them",
    "browser": "agents answer in the console's softphone",
    "sip": "agents answer on a SIP phone",
    "phone": "agents answer on a telephone number",
    "survives_us": "calls stay up while the application is away",
}


def _asterisk(trunk: str | None) -> Capabilities:
    voice = Voice(ROOT / "var" / "sounds", voices={}, rate=140, audio=ROOT)
    access = Access("http://127.0.0.1:8088", "nobody", "")
    return AsteriskLine(access, voice, ws="", trunk=trunk).capabilities


#: line → what it can do as it is, what it can do with a setting, and which setting that is.
LINES: Final[dict[str, tuple[Capabilities, Capabilities, str]]] = {
    AsteriskLine.name: (_asterisk(None), _asterisk("PJSIP/trunk"), "ASTERISK_TRUNK"),
    SimulatorLine.name: (SimulatorLine.capabilities, SimulatorLine.capabilities, ""),
    TwilioLine.name: (twilio(browser=False), twilio(browser=True), "TWILIO_API_KEY"),
}


def lines() -> str:
    """What each line can do."""

    def word(name: str, bare: Capabilities, full: Capabilities, setting: str) -> str:
        if getattr(bare, name) is not getattr(full, name):
            return f"with `{setting}`"
        return "yes" if getattr(full, name) else "no"

    rows = [
        [CAPABILITIES[name], *(word(name, *line) for line in LINES.values())]
        for name in Capabilities.__struct_fields__
    ]
    return table(["", *LINES], *rows)


# --- what an operator looks up --------------------------------------------------------------------

#: module, constant, what it limits
LIMITS: Final = (
    ("queue.entries", "RING_S", "an agent's phone rings; then the next agent is asked"),
    ("queue.entries", "UNRUNG_S", "an agent's phone that does not begin to ring"),
    ("queue.entries", "JOIN_S", "from an agent's yes to both being together"),
    ("queue.entries", "SAME_AGENT_S", "before the same agent is asked for the same caller again"),
    ("queue.entries", "LANGUAGE_S", "only who speaks the caller's language is asked"),
    ("queue.entries", "RESERVED_S", "a caller is kept for the agent whose phone vanished"),
    ("queue.entries", "DIAL_S", "the telephone of who is called back rings"),
    ("queue.entries", "DIALLED_S", "an agent waits for who is called back"),
    ("queue.entries", "MOST_TRIES", "times that somebody is called back in vain"),
    ("queue.entries", "KEPT_S", "a place is kept for who is to be called back"),
    ("calls.outgoing", "A_DAY_EACH", "calls to one number in a day"),
    ("queue.entries", "MOST_HEAD_START_S", "head start of a topic: the longest anybody starves"),
    ("queue.agents", "WRAP_UP_S", "wrap-up; then the agent is ready again"),
    ("queue.agents", "MISSES_TO_PAUSE", "calls missed in a row before an agent is paused"),
    ("calls.life", "CALL_LIMIT_S", "a call that nobody has answered; talking has no limit"),
    ("calls.life", "PRESS_ONE_MS", "to press 1 on an agent's telephone"),
    ("calls.service", "FETCH_AGAIN_S", "until a recording that its line did not give is asked for"),
    ("cases.pins", "CASE_TRIES", "wrong PINs for one case in a day; then only a person helps"),
    ("cases.pins", "CALLER_TRIES", "wrong PINs from one telephone in an hour"),
    ("cases.pins", "CALL_TRIES", "wrong PINs in one call"),
    ("cases.texts", "NARRATIVE_CHARS", "characters of what happened"),
    ("messages.rules", "LOOK_S", "until a message that nobody answered for is looked for"),
    ("messages.rules", "A_DAY_EACH", "messages to one number in a day"),
    ("messages.rules", "ANSWER_S", "before whoever writes to us is answered again"),
    ("people.sign_ins", "LIFETIME_MS", "a sign-in"),
    ("people.sign_ins", "IDLE_MS", "a sign-in without a request; an open page makes requests"),
    ("people.throttle", "MOST_PER_ACCOUNT", "wrong passwords for one account in 15 minutes"),
    ("people.throttle", "MOST_PER_ADDRESS", "wrong passwords from one address in 15 minutes"),
    ("telephony.asterisk.line", "GUARD_S", "a caller in Asterisk without a sign of life from us"),
    ("telephony.simulator.line", "CALLS_MOST", "simulated calls at once"),
    ("web.guard", "MOST_BODY_BYTES", "a request's body"),
    ("app", "STOP_S", "for requests under way when the server is told to stop"),
    ("stats.open_data", "LEAST", "cases that a published figure counts at least"),
    ("stats.open_data", "LEAST_TENDER", "... of a topic that puts people in danger"),
    ("stats.open_data", "EMPLOYERS", "employers in a published figure, at least"),
    ("stats.open_data", "SHARE", "percent of a published figure that one employer may have"),
)


def _value(module: str, name: str) -> int:
    """A limit: times in seconds, anything else as it is."""
    value: int = getattr(importlib.import_module(f"callcenter.{module}"), name)
    return value // 1000 if name.endswith("_MS") else value


def _amount(name: str, value: int) -> str:
    if name.endswith(("_MS", "_S")):
        for unit, size in (("h", 3600), ("min", 60)):
            if value >= size and value % size == 0:
                return f"{value // size} {unit}"
        return f"{value} s"
    return f"{value:,} bytes" if name.endswith("_BYTES") else f"{value:,}"


def limits() -> str:
    """What has an end, where it stands, and how much it is."""
    rows = [
        [meaning, _amount(name, _value(module, name)), f"`{module}.{name}`"]
        for module, name, meaning in LIMITS
    ]
    return table(["limit of", "value", "where"], *rows)


def roles() -> str:
    def mark(role: Role, permission: Permission) -> str:
        return "yes" if permission in PERMISSIONS[role] else ""

    source = inspect.getsource(Permission)
    rows = []
    for permission in Permission:
        meaning = re.search(rf'"{permission.value}"  #: (.*)', source)
        assert meaning, permission
        rows.append([meaning[1], *(mark(role, permission) for role in Role)])
    return table(["may", *Role], *rows)


def commands() -> str:
    """Every command with its arguments and the first line of its help."""

    def walk(group: typer.core.TyperGroup, before: str) -> Iterable[list[str]]:
        for name, command in group.commands.items():
            if isinstance(command, typer.core.TyperGroup):
                yield from walk(command, f"{before} {name}")
                continue
            words, optional = [before, name], False
            for one in command.params:
                if isinstance(one, typer.core.TyperArgument):
                    words.append((one.name or "").upper())
                elif one.required:
                    words += [one.opts[0], (one.name or "").upper()]
                else:
                    optional = True
            words += ["…"] if optional else []
            yield [f"`{' '.join(words)}`", command.get_short_help_str(200)]

    group = typer.main.get_command(command_line.app)
    assert isinstance(group, typer.core.TyperGroup)
    return table(["command", ""], *walk(group, "callcenter"))


def metrics() -> str:
    """Our metrics, as /metrics gives them."""

    class Quiet:
        def view(self) -> object:
            return Board(ZoneInfo("UTC")).view(0)

        def count(self, **_page: bool) -> int:
            return 0

    nothing = cast(Counting, SimpleNamespace(undecreed=lambda _at: []))
    found: list[Metric] = [
        *BoardGauges(cast(Hub, Quiet())).collect(),
        *LineFigures(dict, None).collect(),
        *CalendarFigures(nothing, 0).collect(),
        *REGISTRY.collect(),
    ]
    rows = [
        [f"`{one.name}{'_total' if one.type == 'counter' else ''}`", one.type, one.documentation]
        for one in found
        if one.name.startswith("callcenter_")
    ]
    return table(["name", "kind", ""], *rows)


def refusals() -> str:
    found = sorted(
        {(int(one.status), one.code, one.message or "") for one in errors.TABLE.values()}
    )
    merged: dict[tuple[int, str], str] = {}
    for status, code, message in found:
        merged[status, code] = merged.get((status, code)) or message
    rows = [[str(status), f"`{code}`", text] for (status, code), text in merged.items()]
    return table(["status", "code", "message"], *rows)


def facts() -> str:
    """The kinds of Facts, as the files of each part name them."""
    rows = []
    parts = {"calls": CallFact, "queue": QueueFact, "cases": CaseFact, "messages": MessageFact}
    for where, kinds in parts.items():
        rows.append([where, ", ".join(f"`{kind.value}`" for kind in kinds)])
    return table(["part", "kinds"], *rows)


def message_life() -> str:
    """A message's life as it usually goes: each report after the one before it. The table takes a
    later report instead of an earlier one as well."""
    usual = {
        MessageEvent.ACCEPT: MessageState.ASKED,
        MessageEvent.SEND: MessageState.ACCEPTED,
        MessageEvent.FAIL: MessageState.SENT,
        MessageEvent.UNDELIVER: MessageState.SENT,
        MessageEvent.DELIVER: MessageState.SENT,
        MessageEvent.READ: MessageState.DELIVERED,
    }
    ways = {
        (before, event): after
        for (before, event), after in MESSAGE_TABLE.items()
        if usual.get(event, before) is before
    }
    return drawn(MessageState.WAITING, MessageState, ways)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    **privacy_docs.BLOCKS,
    "life-of-a-call": call_life,
    "table-of-a-call": call_table,
    "life-of-a-leg": lambda: drawn(LegState.ASKED, LegState, moves.LEG_TABLE),
    "life-of-an-agent": lambda: drawn(
        agents.AgentState.OFFLINE, agents.AgentState, agents.AGENT_TABLE
    ),
    "life-of-an-entry": lambda: drawn(
        entries.EntryState.WAITING, entries.EntryState, entries.ENTRY_TABLE
    ),
    "life-of-an-offer": lambda: drawn(
        entries.OfferState.PENDING, entries.OfferState, entries.OFFER_TABLE
    ),
    "life-of-a-case": case_life,
    "table-of-a-case": case_table,
    "words-of-a-case": case_words,
    "limits-of-a-case": case_limits,
    "life-of-a-message": message_life,
    "facts": facts,
    "lines": lines,
    "settings": settings.table,
    "limits": limits,
    "roles": roles,
    "commands": commands,
    "metrics": metrics,
    "refusals": refusals,
}


# --- the documents --------------------------------------------------------------------------------


def documents() -> list[Path]:
    """The pages that may hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(text: str) -> dict[str, str]:
    """The blocks of a page: name → what stands there."""
    return {
        found[2]: found[0].removeprefix(found[1]).removesuffix(found[3]).strip("\n")
        for found in _BLOCK.finditer(text)
    }


def fill(text: str) -> str:
    """``text`` with every number and block as the code has it now."""
    numbers = {name: _value(module, name) for module, name, _ in LIMITS}
    text = _NUMBER.sub(lambda found: f"{found[1]}{numbers[found[2]]}", text)
    return _BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Fill all pages, and tell which changed."""
    for page in documents():
        before = page.read_text(encoding="utf-8")
        after = fill(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"{page.relative_to(ROOT)} was written")


if __name__ == "__main__":
    main()
