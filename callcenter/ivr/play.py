"""Be the caller: a flow in the terminal, without any telephone.

A pure loop: lines come from ``read``, text goes to ``write``, and time passes only as the caller
waits. Digits that are keyed in are used and not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from callcenter import line
from callcenter.ivr.engine import Event, Step, begin, step
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.needs import Resumed, TalkEnded
from callcenter.ivr.pretend import Pretend, settle
from callcenter.ivr.visit import Visit, decode_visit

HELP = (
    "keys: press them; Enter alone: stay silent; /hangup; while waiting /agent (an agent talks to "
    "you and hangs up) and /lost (the agent's line breaks)"
)
#: Shorter pauses do not begin a new line, milliseconds.
LINE_MS = 300
#: How fast somebody speaks, words a second.
WORDS_PER_S = 2
_LEG, _REV = "caller", 0

#: The next line that the caller types after a prompt such as ``keys> ``; None: there are no more.
Read = Callable[[str], str | None]
Write = Callable[[str], None]


def play(
    flows: FlowSet,
    *,
    read: Read,
    write: Write,
    now: int,
    flow: str = "main",
    pretend: Pretend | None = None,
    always_open: bool = False,
) -> Visit:
    """Walk ``flow`` from its start until the call is over. Returns the finished visit.

    Raises:
        KeyError: there is no such flow.
    """
    answerer = pretend or Pretend()
    write(f"({HELP})")
    found = settle(flows, begin(flows, flow=flow, now=now, always_open=always_open), answerer, now)
    while True:
        _show(found, write)
        if found.visit.finished or found.wait is None:
            write("(the call is over)")
            return found.visit
        event = _next_event(found.wait, found.visit, read, write)
        now += _passes_ms(found.wait, event)
        # a visit is kept as JSON between two events, here as anywhere
        visit = decode_visit(found.visit.encode())
        found = settle(flows, step(flows, visit, event, now), answerer, now)


def spoken(steps: Iterable[line.Step]) -> list[str]:
    """What is heard, a line for each breath."""
    lines: list[str] = []
    breath: list[str] = []
    for part in steps:
        if not isinstance(part, line.Pause):
            breath.append(part.text)
        elif part.ms >= LINE_MS and breath:
            lines.append(" ".join(breath))
            breath = []
    if breath:
        lines.append(" ".join(breath))
    return lines


def _show(found: Step, write: Write) -> None:
    for text in spoken(found.steps):
        write(f"  {text}")
    for note in found.notes:
        shown = ", ".join(f"{name}={value}" for name, value in note.data.items())
        write(f"  · {note.kind} {shown}")


def _next_event(wait: line.Wait, visit: Visit, read: Read, write: Write) -> Event:
    """Ask the caller until something fits."""
    gone = line.LegGone(_LEG, line.Cause.HUNG_UP)
    if isinstance(wait, line.PromptsEnd):
        return line.PromptsEnded(_LEG, _REV)
    if isinstance(wait, line.Gone):
        return line.LegGone(_LEG, line.Cause.ENDED)
    while True:
        text = read(_ask(wait))
        if text is None or text.strip() == "/hangup":
            return gone
        text = text.strip()
        if text in ("/agent", "/lost") and visit.queueing:
            return TalkEnded("agent") if text == "/agent" else Resumed()
        if isinstance(wait, line.Recording):
            seconds = -(-len(text.split()) // WORDS_PER_S)
            return line.RecordingMade(_LEG, _REV, "try-out", min(seconds, wait.most_s))
        if not text:
            return line.Silence(_LEG, _REV)
        if set(text) <= set("0123456789*#"):
            return line.DigitsEntered(_LEG, _REV, _entered(wait, text))
        write(f"({HELP})")


def _ask(wait: line.Wait) -> str:
    if isinstance(wait, line.Recording):
        return "speak> "
    if isinstance(wait, line.Music):
        return f"music {wait.seconds} s> "
    return "keys> "


def _entered(wait: line.Wait, keys: str) -> str:
    """What a line would report of ``keys``: up to a finish key, and no more than asked for."""
    if not isinstance(wait, line.Keys):
        return keys[:1]
    ends = [keys.index(key) for key in wait.finish if key in keys]
    return keys[: min([*ends, wait.most])]


def _passes_ms(wait: line.Wait, event: Event) -> int:
    if isinstance(event, line.RecordingMade):
        return event.seconds * 1000
    if isinstance(event, line.Silence):
        if isinstance(wait, line.Music):
            return (wait.seconds or 0) * 1000
        return wait.first_ms if isinstance(wait, line.Keys) else 0
    return 1000
