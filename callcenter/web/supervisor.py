"""What a supervisor sees: the board. The fold gives ids and codes; names are added here."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from fastapi import APIRouter

from callcenter.stats.board import BoardView
from callcenter.topics import Topic, uppers
from callcenter.web.directory import Directory, Names
from callcenter.web.documents import BoardDocument
from callcenter.web.doors import HubOf, Watcher
from callcenter.web.hub import Compose

router = APIRouter(prefix="/api", tags=["supervisor"])


@router.get("/board")
async def board(_me: Watcher, hub: HubOf) -> BoardDocument:
    """Who waits, who works, what today has brought."""
    return await hub.fresh()


def composer(directory: Directory, topics: Mapping[str, Topic]) -> Compose:
    """What makes a board document of a fold."""

    async def compose(view: BoardView) -> BoardDocument:
        return document(view, await directory.names(), topics)

    return compose


def document(view: BoardView, names: Names, topics: Mapping[str, Topic]) -> BoardDocument:
    """The board with names."""
    built = msgspec.to_builtins(view)
    for agent in built["agents"]:
        agent["name"] = names.staff.get(agent["id"], agent["id"])
    built["topics"] = [_load(topic, view, names) for topic in uppers(topics).values()]
    return BoardDocument.model_validate(built)


def _load(topic: Topic, view: BoardView, names: Names) -> dict[str, object]:
    since = [one.since for one in view.waiting if one.topic == topic.code]
    ready = sum(
        agent.state == "ready" and topic.code in names.knows.get(agent.id, ())
        for agent in view.agents
    )
    return {
        "code": topic.code,
        "label": dict(topic.label),
        "waiting": len(since),
        "longest_since": min(since, default=None),
        "ready": ready,
    }
