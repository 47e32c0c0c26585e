"""Everything that is held on a person, for that person."""
