"""What is done to a case: events, assignments, clocks, notes, and who is told."""
