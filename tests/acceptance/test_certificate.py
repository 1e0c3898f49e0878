"""A certificate made on one machine and judged on another that knows nobody."""

from pathlib import Path

from holdfast.client.local_network import LocalNetwork
from holdfast_shell import Shell, tries


def test_a_certificate_with_proofs_is_judged_by_a_stranger_and_by_the_ledger(
    owner: Shell, stranger: Shell, tree: Path, tmp_path: Path, network: LocalNetwork
) -> None:
    made = owner.json("backup", tree)
    for number in tries():
        path = tmp_path / f"certificate-{number}"
        told = owner.json("certificate", "latest", "--output", path)
        (deal,) = told["deals"]
        if all(holder["proved_epoch"] for holder in deal["holders"]):
            break
    stranger.home = tmp_path / "nobody"
    judged = stranger.json("certificate", "verify", path)
    assert judged["snapshot"] == made["snapshot"]
    assert judged["ledger_asked"] is False
    words = ("certificate", "verify", path, "--network", network.network_file)
    (deal,) = stranger.json(*words)["deals"]
    assert deal["holders_now"] == deal["proofs_confirmed"] == 8
    assert not stranger.home.exists()
