"""What a case was before each change."""
