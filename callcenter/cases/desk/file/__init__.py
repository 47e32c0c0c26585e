"""One case, as far as somebody may see it."""
