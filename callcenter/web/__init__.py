"""HTTP and WebSocket, by actor. ``make_web`` builds the application from what ``app`` hands in."""

from callcenter.web.factory import make_web
from callcenter.web.ports import Deps

__all__ = ["Deps", "make_web"]
