"""A flow as a Mermaid flowchart, for documents and reviews."""

from __future__ import annotations

from callcenter.ivr import graph, model

_SHAPES = {
    "menu": ("{{", "}}"),
    "collect": ("{{", "}}"),
    "language": ("{{", "}}"),
    "branch": ("{", "}"),
    "hours": ("{", "}"),
    "queue": ("[[", "]]"),
    "call": ("[[", "]]"),
    "hangup": ("([", "])"),
    "return": ("([", "])"),
    "leave": ("([", "])"),
}


def mermaid(flow: model.Flow) -> str:
    """``flowchart TD``: a shape for each kind of node, an arrow for each pair of nodes, labelled
    with the exits (keys, names, conditions) that lead that way."""
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        kind = str(getattr(node, "type", ""))
        before, after = _SHAPES.get(kind, ("[", "]"))
        lines.append(f'    n_{name}{before}"{name}<br/><small>{kind}</small>"{after}')
    for name, node in flow.nodes.items():
        arrows: dict[str, list[str]] = {}
        for way in graph.exits(flow, node):
            arrows.setdefault(way.to, []).append(way.label)
        for to, labels in arrows.items():
            text = ", ".join(label for label in labels if label != "next")
            text = text.replace('"', "'").replace("<", "&lt;").replace(">", "&gt;")
            arrow = f'-->|"{text}"|' if text else "-->"
            lines.append(f"    n_{name} {arrow} n_{to}")
    lines += [f"    start(( )) --> n_{flow.start}"]
    return "\n".join(lines) + "\n"
