"""Calls without a telephone: for a newcomer and for tests."""
