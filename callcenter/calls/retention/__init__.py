"""What its time has come to be forgotten."""
