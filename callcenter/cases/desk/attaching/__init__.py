"""Papers and pictures, at the desk."""
