"""What a chain's contracts did to the stakes of ejected vaults, and on whose word."""

from collections.abc import Sequence

from holdfast.client import wording
from holdfast.client.contract_books import ContractBooks, Ejected, TakenCertificate
from holdfast.client.demo.page import Page
from holdfast.protocol.units import VaultId


async def show_slashes(
    books: ContractBooks, dead: Sequence[VaultId], page: Page
) -> None:
    """Compare each ejection with the certificate that came in the same block."""
    page.step("What the contracts did to their stakes")
    ejected = {one.vault: one for one in await books.ejections()}
    certificates = {one.block: one for one in await books.certificates()}
    for vault in dead:
        found = ejected.get(vault)
        by = certificates.get(found.block) if found else None
        page.claim(
            f"vault {vault.hex()[:12]}: {_sentence(found, by)}",
            bool(by and found and found.slashed),
        )
    total = sum(one.slashed for one in ejected.values())
    flows = await books.flows()
    page.claim(
        f"the settlement contract counts {wording.hold(flows.slashed)} slashed, for "
        "those who rebuild",
        total == flows.slashed > 0,
    )


def _sentence(found: Ejected | None, by: TakenCertificate | None) -> str:
    if found is None or by is None:
        return "no certificate on the chain ejected it"
    return (
        f"ejected in block {found.block} by the certificate of period {by.period}, "
        f"signed by {by.signers.bit_count()}; {wording.hold(found.slashed)} slashed"
    )
