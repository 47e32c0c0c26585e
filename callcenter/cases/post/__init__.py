"""Telling units and reporters in writing: what, whom, when it is safe."""
