"""What a caller asks and does about a complaint that exists."""
