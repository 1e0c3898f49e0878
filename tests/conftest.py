"""Hypothesis: no deadlines, as no test depends on speed; in CI the same examples."""

import os

from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("CI", deadline=None, derandomize=True)
settings.load_profile("CI" if os.environ.get("CI") else "here")
