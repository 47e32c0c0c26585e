"""Papers and pictures beside a case."""
