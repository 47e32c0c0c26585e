"""Who complained: persons, under keys of their own."""
