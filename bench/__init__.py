"""Figures of one run on this machine: ``make bench``. Nothing here is in the package.

docs/performance.md says what each figure means and how to read it.
"""
