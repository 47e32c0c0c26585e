"""The life of a call. ``service.py`` is the main path: read it first."""
