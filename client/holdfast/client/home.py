"""Where Holdfast keeps what belongs to a user, unless told otherwise."""

import os
from pathlib import Path


def default_home() -> Path:
    """Return HOLDFAST_HOME, or `holdfast` in the user's data directory (XDG)."""
    chosen = os.environ.get("HOLDFAST_HOME")
    if chosen:
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data else Path.home() / ".local" / "share"
    return base / "holdfast"
