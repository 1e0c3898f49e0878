"""Finding the other programs of this installation."""

import os
import shutil
import sys
from pathlib import Path

from holdfast.protocol.errors import HoldfastError


class ProgramMissingError(HoldfastError):
    """A program of Holdfast is not installed beside this one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the program {name} is not installed beside this one")
        self.name = name


def program(name: str) -> str:
    """Return the path of a program, first beside this Python, then on the PATH."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=beside) or shutil.which(
        name, path=os.environ.get("PATH")
    )
    if found is None:
        raise ProgramMissingError(name)
    return found
