"""The flow language and its engine: read, checked, walked, linted, drawn, played.

Start with :func:`callcenter.ivr.loader.load`, :func:`callcenter.ivr.engine.begin` and
:func:`callcenter.ivr.engine.step`. Everything here is pure: no clock, no randomness, no logging,
and no I/O except that ``loader.load`` reads a folder.
"""
