"""Tries at a PIN, and a lost one."""
