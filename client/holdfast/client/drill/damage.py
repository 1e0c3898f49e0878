"""What the drill does to the disks of vaults: half of the shards gone, bits turned."""

from pathlib import Path
from typing import Final

_HEADER_BYTES: Final = 512
"""Where the shard begins in its file; what is before only says which shard it is."""


def shards_of(vault: Path) -> list[Path]:
    """Return the files of all durable shards in a vault's directory."""
    files = (path for path in (vault / "shards").rglob("*") if path.is_file())
    return sorted(path for path in files if _is_durable(path))


def delete_half(vault: Path) -> int:
    """Delete every other shard; return how many."""
    files = shards_of(vault)[::2]
    for path in files:
        path.unlink()
    return len(files)


def flip_a_byte_in_each(vault: Path) -> int:
    """Turn one byte of every shard round; return how many shards."""
    files = shards_of(vault)
    for number, path in enumerate(files):
        with path.open("r+b") as file:
            size = path.stat().st_size - _HEADER_BYTES
            place = _HEADER_BYTES + number * 7919 % size
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 0xFF]))
    return len(files)


def _is_durable(path: Path) -> bool:
    return "staged" not in path.parts and not path.name.endswith(".part")
