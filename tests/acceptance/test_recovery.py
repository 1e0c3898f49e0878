"""A machine is lost, and only paper is left of it."""

import shutil
from pathlib import Path

from holdfast.client.demo.comparison import compare
from holdfast.client.kit_file import read_kit_file
from holdfast_shell import Shell
from kit_mistakes import typed_with_mistakes


def test_a_recovery_kit_with_5_percent_wrong_brings_everything_back_on_its_own(
    owner: Shell, tree: Path, tmp_path: Path
) -> None:
    owner.json("backup", tree)
    (tree / "letter.txt").write_text("Dear vault, here I am again.\n")
    owner.json("backup", tree)
    owner.json("recovery", "kit", "--output", tmp_path / "kit.html")
    paper = typed_with_mistakes(read_kit_file(tmp_path / "kit.html").kit, seed=3)
    shutil.rmtree(owner.home)

    second = Shell(tmp_path / "second", {"HOLDFAST_PASSPHRASE": "another one"})
    assert second.json("recover", "--kit", "-", said=paper)["mended_lines"]
    assert len(second.json("snapshots")["snapshots"]) == 2
    second.json("restore", "latest", "--target", tmp_path / "t")
    assert compare(tree, tmp_path / "t" / tree.relative_to("/")).differences == []
    assert second.json("backup", tree)["bytes_added"] < 10_000
