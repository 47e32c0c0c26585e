"""Adds the pages, migrations, flows and Asterisk's configuration to a wheel.

An editable install gets none of it: there the application reads the repository's own folders.
Which folder lands where is told once, in ``callcenter/resources.py``.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ResourcesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts each folder of ``resources.FOLDERS`` into ``callcenter/_resources``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fill ``force_include``.

        Raises:
            FileNotFoundError: a folder is missing or empty; the message says how to make it.
        """
        if version == "editable":
            return
        root = Path(self.root)
        resources = runpy.run_path(str(root / "callcenter" / "resources.py"))
        for name, (folder, proof) in resources["FOLDERS"].items():
            if not (root / folder / proof).exists():
                hint = " (the pages are not built: run `make ui`)" if name == "pages" else ""
                raise FileNotFoundError(f"{folder}/{proof} is missing{hint}")
            for path in sorted((root / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    inside = path.relative_to(root / folder)
                    target = f"callcenter/_resources/{name}/{inside.as_posix()}"
                    build_data["force_include"][str(path)] = target
