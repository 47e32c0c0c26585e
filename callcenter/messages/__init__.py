"""Messages: what is sent in writing to a citizen or a unit, and what became of it."""
