"""What somebody does to a case at the desk."""
