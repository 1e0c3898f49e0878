"""Compile the Vyper sources and write ABI and bytecode beside them, as JSON.

Run it after a change to any `*.vy`; a test does the same and compares. It needs the
dependency group `evm`. The output does not depend on the folder or the machine.
"""

import json
import sys
from pathlib import Path
from typing import Final

from vyper import __version__
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle

FOLDER: Final = Path(__file__).parent / "holdfast" / "contracts"
FORMATS: Final = ("abi", "bytecode")


def compiled(source: Path) -> str:
    """Return the JSON text of one contract."""
    bundle = FilesystemInputBundle([FOLDER, source.parent])
    file = bundle.load_file(source.name)
    output = compile_from_file_input(file, input_bundle=bundle, output_formats=FORMATS)
    content = {
        "abi": output["abi"],
        "bytecode": output["bytecode"].removeprefix("0x"),
        "compiler": f"vyper {__version__}",
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def sources() -> list[Path]:
    """Return the contracts that are deployed; modules have small first letters."""
    return sorted(path for path in FOLDER.glob("*.vy") if path.name[0].isupper())


def main() -> None:
    """Write every contract's JSON."""
    for source in sources():
        source.with_suffix(".json").write_text(compiled(source), "utf-8")
        sys.stdout.write(f"{source.stem}\n")


if __name__ == "__main__":
    main()
