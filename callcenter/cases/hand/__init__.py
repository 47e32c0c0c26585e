"""A case in hand: locked, with its past, changed and kept."""
