"""The pages: one HTML file for every address, and its parts under ``/assets``.

The names of assets carry a hash of their content and never change; the page itself is asked for
every time, so that a new version is there at once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import FileResponse

from callcenter.resources import ResourceMissing
from callcenter.web.doors import Anyone, DepsOf
from callcenter.web.errors import NoSuchThing

router = APIRouter(
    include_in_schema=False,
    dependencies=[Depends(Anyone("the pages are the same for all; what they show is not"))],
)

_KINDS: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".txt": "text/plain; charset=utf-8",
}


@router.get("/")
@router.get("/console")
@router.get("/board")
@router.get("/cases")
@router.get("/cases/{number}")
@router.get("/directory")
async def page(request: Request, deps: DepsOf) -> Response:
    """The application; it looks at the address itself."""
    html = (_folder(deps.pages) / "index.html").read_bytes()
    tag = f'"{hashlib.sha256(html).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(html, headers=headers, media_type="text/html")


@router.get("/phone")
async def phone(request: Request, deps: DepsOf) -> Response:
    """The simulated telephone, where there is one."""
    if deps.simulator is None:
        raise NoSuchThing
    return await page(request, deps)


@router.get("/assets/{path:path}")
async def asset(path: str, deps: DepsOf) -> Response:
    """A part of the pages."""
    return _file(_folder(deps.pages) / "assets", path, "public, max-age=31536000, immutable")


@router.get("/{name}")
async def other(name: str, deps: DepsOf) -> Response:
    """What browsers ask for beside the page: ``favicon.svg``, ``robots.txt``."""
    return _file(_folder(deps.pages), name, "public, max-age=3600")


def _folder(pages: Path | None) -> Path:
    if pages is None:
        raise ResourceMissing("the pages are not built: run `make ui`")
    return pages


def _file(folder: Path, name: str, cache: str) -> Response:
    """The file ``name`` below ``folder``, if its kind is one that pages are made of."""
    if "\0" in name:
        raise NoSuchThing
    path = (folder / name).resolve()
    kind = _KINDS.get(path.suffix)
    if kind is None or not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise NoSuchThing
    return FileResponse(path, media_type=kind, headers={"Cache-Control": cache})
