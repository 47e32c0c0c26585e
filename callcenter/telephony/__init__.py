"""The phone lines, and the performer that gives them their Turns and Commands."""
