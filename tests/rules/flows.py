"""Flows for histories: the hotline's own, and wild ones that do what those do not.

In the wild ones a caller comes back to the menu after a talk and may wait again, leaves the queue
by several exits, records while waiting and when called back, and has a message kept when hanging
up.
"""

from __future__ import annotations

from functools import lru_cache

from callcenter import resources
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import load, parse
from callcenter.topics import Topic, uppers
from callcenter.topics import load as load_topics

_MAIN = """
spec: 1
flow: main
language: id
start: draft
operator: queue
on_error: bye
on_hangup: left
vars: {chosen: {type: digits, sensitive: true}}
nodes:
  draft: {type: case, action: open, default_topic: info, next: menu, on_fail: menu}
  menu:
    type: menu
    attempts: 2
    options:
      "1": {topic: upah, to: queue}
      "2": {topic: k3, to: urgent}
      "3": {label: label.add_message, to: message}
      "4": {label: label.openings, to: opened}
    on_fail: bye
  opened:
    type: case
    action: tell
    what: openings
    prompt: status.openings
    next: menu
    nothing: menu
    on_fail: menu
  queue:
    type: queue
    default_topic: info
    while_waiting: waiting
    called_back: called_back
    max_wait_s: 60
    resumed: queue.resumed
    answered: menu
    timeout: message
    nobody: menu
    exits: {message: message, back: menu, kept: bye}
  urgent:
    type: queue
    default_topic: info
    priority: 9
    while_waiting: waiting
    called_back: called_back
    max_wait_s: 45
    answered: thanks
    timeout: menu
    nobody: bye
    exits: {message: message, back: queue, kept: menu}
    on_fail: menu
  thanks: {type: say, prompt: talk.thanks, barge_in: false, next: menu}
  message: {type: record, prompt: message.speak, next: keep, on_empty: menu}
  keep: {type: case, action: append, next: menu, on_fail: menu}
  left: {type: case, action: append, next: end, on_fail: end}
  end: {type: hangup, prompt: goodbye}
  bye: {type: hangup, prompt: goodbye}
"""

_WAITING = """
spec: 1
flow: waiting
language: id
start: ask_place
on_error: music
nodes:
  ask_place: {type: position, next: music}
  music:
    type: wait
    seconds: 10
    keys: {"1": leave, "2": tell, "3": back, "4": callback}
    next: next
  next: {type: say, prompt: queue.next, barge_in: false, next: ask_place}
  tell: {type: record, prompt: message.speak, next: keep, on_empty: music}
  keep: {type: case, action: append, next: music, on_fail: music}
  leave: {type: leave, exit: message}
  back: {type: leave, exit: back}
  callback: {type: callback, exit: kept, refused: music}
"""

_CALLED_BACK = """
spec: 1
flow: called_back
language: id
start: tell
on_error: talk
nodes:
  tell: {type: record, prompt: message.speak, next: keep, on_empty: menu}
  keep: {type: case, action: append, next: menu, on_fail: menu}
  menu:
    type: menu
    attempts: 2
    options:
      "1": {label: label.talk, to: talk}
      "2": {label: label.no_need, to: back}
    on_fail: bye
  talk: {type: rejoin}
  back: {type: leave, exit: back}
  bye: {type: hangup, prompt: callback.later}
"""


@lru_cache(maxsize=1)
def shipped() -> tuple[FlowSet, dict[str, Topic]]:
    """The hotline's own flows, and the topics that callers choose."""
    folder = resources.flows()
    topics = uppers(load_topics((folder / "topics.yaml").read_text(encoding="utf-8")))
    return load(folder, frozenset(topics)), topics


@lru_cache(maxsize=1)
def wild() -> FlowSet:
    """The wild flows, with the hotline's own prompts and topics."""
    own, topics = shipped()
    keep = {file: text for file, text in own.sources.items() if not file.startswith("flows/")}
    keep |= {"flows/main.yaml": _MAIN, "flows/waiting.yaml": _WAITING}
    keep["flows/called_back.yaml"] = _CALLED_BACK
    return parse(keep, frozenset(topics))
