"""Complaints: their numbers and PINs, their life, and what is kept of them."""
