"""Accounts of the staff, what each role may do, and sign-in."""
