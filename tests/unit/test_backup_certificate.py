"""Backup certificates: what they prove, and everything that they must not."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificate_stage import OWNER, VAULTS, VOTERS, certificate, proof, signed
from holdfast.client.async_client import AsyncClient
from holdfast.client.certificate_ledger import confirm_on
from holdfast.client.certifying import (
    CertificateFileError,
    NotWholeError,
    certify,
    read_certificate,
    write_certificate,
)
from holdfast.client.core.backup_certificate import (
    SIGNED_CERTIFICATE,
    BackupCertificate,
    CertificateError,
    CertifiedDeal,
    SignedCertificate,
    chunks_digest,
    holders_of,
    sign_certificate,
    verify_certificate,
)
from holdfast.client.core.blobs import BlobKind
from holdfast.client.exit_codes import ExitCode
from holdfast.client.main import main
from holdfast.client.storage import Storage
from holdfast.protocol.deal import Holder
from holdfast.protocol.errors import DecodingError
from holdfast.protocol.units import AccountId, VaultId
from sdk_on_market import client, files
from small_market import market

ENCODED = SIGNED_CERTIFICATE.encode(signed())


def test_a_certificate_that_everybody_signed_holds() -> None:
    assert verify_certificate(signed()) == certificate()
    assert SIGNED_CERTIFICATE.decode(ENCODED) == signed()
    (deal,) = certificate().deals
    assert holders_of(deal) == tuple(keys.vault_id for keys in VAULTS)


@given(st.integers(0, len(ENCODED) - 1), st.integers(1, 255))
def test_no_byte_of_a_certificate_can_be_changed(place: int, change: int) -> None:
    altered = bytearray(ENCODED)
    altered[place] ^= change
    with pytest.raises((CertificateError, DecodingError)):
        verify_certificate(SIGNED_CERTIFICATE.decode(bytes(altered)))


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(DecodingError):
        SIGNED_CERTIFICATE.decode(data)


def with_deal(change: Callable[[CertifiedDeal], CertifiedDeal]) -> BackupCertificate:
    (deal,) = certificate().deals
    return certificate(deals=(change(deal),))


FORGERIES = {
    "account that is named": certificate(account=AccountId(bytes(20))),
    "make a full receipt": with_deal(lambda d: replace(d, k=5)),
    "more chunks": with_deal(lambda d: replace(d, chunks=3)),
    "signature": with_deal(
        lambda d: replace(
            d, receipt=replace(d.receipt, receipts=(d.receipt.receipts[0],) * 4)
        )
    ),
    "receipt 1 is not for": with_deal(
        lambda d: replace(
            d,
            receipt=replace(
                d.receipt,
                receipts=(d.receipt.receipts[0],) * 4,
                identities=(d.receipt.identities[0],) * 4,
            ),
        )
    ),
    "not that of a holder": with_deal(lambda d: replace(d, proofs=(proof(VOTERS[0]),))),
    "stands twice": with_deal(lambda d: replace(d, proofs=(proof(), proof()))),
    "has no votes": with_deal(
        lambda d: replace(
            d,
            proofs=(
                replace(
                    proof(),
                    certificate=replace(proof().certificate, votes=()),
                    keys=(),
                ),
            ),
        )
    ),
    "keys are not its voters'": with_deal(
        lambda d: replace(d, proofs=(replace(proof(), keys=proof().keys[:2]),))
    ),
    "names a deal twice": certificate(deals=certificate().deals * 2),
    "one signature for each": certificate(deals=()),
}


@pytest.mark.parametrize("why", FORGERIES)
def test_what_the_owner_alone_could_say_is_not_believed(why: str) -> None:
    forged = signed(FORGERIES[why])
    match = "receipt 1 is not for" if why == "signature" else why
    with pytest.raises(CertificateError, match=match):
        verify_certificate(forged)


def test_votes_that_the_voters_did_not_sign_are_not_believed() -> None:
    true = proof()
    first, *others = true.certificate.votes
    votes = (replace(first, signature=others[0].signature), *others)
    forged = replace(true, certificate=replace(true.certificate, votes=votes))
    with pytest.raises(CertificateError, match="deal"):
        verify_certificate(signed(with_deal(lambda d: replace(d, proofs=(forged,)))))


def test_a_receipt_or_head_that_nobody_signed_is_not_believed() -> None:
    (deal,) = certificate().deals
    full = deal.receipt
    first, *others = full.receipts
    forged = replace(first, signature=others[0].signature)
    unsigned = replace(full, receipts=(forged, *others))
    head = replace(full, head=replace(full.head, signature=bytes(64)))
    for receipt in (unsigned, head):
        stated = certificate(deals=(replace(deal, receipt=receipt),))
        with pytest.raises(CertificateError, match="deal"):
            verify_certificate(signed(stated))


def test_somebody_elses_deal_cannot_be_claimed() -> None:
    forged = sign_certificate(certificate(), [OWNER.deal_pair(b"\1" * 32)])
    with pytest.raises(CertificateError, match="deal"):
        verify_certificate(forged)


def test_a_file_is_verified_without_a_profile_or_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOLDFAST_HOME", str(tmp_path / "none"))
    path = tmp_path / "certificate"
    write_certificate(path, signed())
    assert main(["certificate", "verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert "Every signature holds." in said
    assert "any 2 of 4 holders suffice" in said
    assert VAULTS[3].vault_id.hex()[:12] in said

    path.write_bytes(ENCODED[:-1] + bytes([ENCODED[-1] ^ 1]))
    assert main(["certificate", "verify", str(path)]) == ExitCode.UNTRUE
    path.write_bytes(b"HF nothing of the kind")
    assert main(["certificate", "verify", str(path)]) == ExitCode.UNTRUE
    assert main(["certificate", "verify", str(tmp_path / "no")]) == ExitCode.FAILED
    assert "Traceback" not in capsys.readouterr().err


def test_a_certificate_is_not_written_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(CertificateFileError, match="there already"):
        write_certificate(tmp_path / "file", signed())


async def certified(one: AsyncClient, name: str = "latest") -> SignedCertificate:
    return await one.with_storage(lambda storage: certify(storage, name))


def test_a_stored_snapshot_is_certified_and_the_ledger_agrees(tmp_path: Path) -> None:
    async def run() -> None:
        source = files(tmp_path / "source", count=6)
        async with market(tmp_path, 9) as place, client(place, tmp_path / "1") as one:
            first = await one.backup([source])
            (source / "more").write_bytes(bytes(range(256)) * 1000)
            second = await one.backup([source])
            made = await certified(one)
            path = tmp_path / "certificate"
            write_certificate(path, made)
            stated = read_certificate(path)
            assert stated.snapshot.hex() == second.snapshot.id.hex()
            (deal,) = stated.deals
            (status,) = await one.deals()
            assert list(holders_of(deal)) == [h.vault for h in status.deal.holders]
            chunks = await one.read(lambda repository: repository.needed_chunks())
            assert deal.chunks_digest == chunks_digest(chunks)
            (view,) = await confirm_on(stated, place.ledger)
            assert (view.current, view.confirmed) == (8, 0)

            older = (await certified(one, first.snapshot.id.hex())).certificate
            assert older.deals[0].chunks < deal.chunks
            assert older.files == first.snapshot.snapshot.stats.files

            ledger = place.ledger
            changed = replace(status.deal, deal_key=bytes(32))
            with pytest.raises(CertificateError, match="other terms"):
                await confirm_on(stated, Lying(ledger, (changed,)))  # type: ignore[arg-type] # stand-in
            with pytest.raises(CertificateError, match="no deal"):
                await confirm_on(stated, Lying(ledger, ()))  # type: ignore[arg-type] # stand-in
            other = (Holder(VaultId(bytes(32)), 1, 0), *status.deal.holders[1:])
            replaced = replace(status.deal, holders=other)
            (view,) = await confirm_on(stated, Lying(ledger, (replaced,)))  # type: ignore[arg-type] # stand-in
            assert view.current == 7

    asyncio.run(run())


class Lying:
    """A ledger that says something else of deals."""

    def __init__(self, ledger: object, deals: tuple[object, ...]) -> None:
        self._ledger = ledger
        self._deals = deals

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    async def deals(self, _ids: object) -> tuple[object, ...]:
        return self._deals


def test_a_snapshot_of_which_chunks_are_gone_is_not_certified(tmp_path: Path) -> None:
    async def run() -> None:
        source = files(tmp_path / "source", count=3)
        async with market(tmp_path, 8) as place, client(place, tmp_path / "1") as one:
            await one.backup([source])

            async def lose(storage: Storage) -> None:
                view = await storage.look()
                packs = (await storage.repository(view)).index.packs
                data = {pack.chunk for pack in packs if pack.holds is BlobKind.DATA}
                await storage.drop(frozenset(data), view)

            await one.with_storage(lose)
            with pytest.raises(NotWholeError, match="in no deal"):
                await certified(one)

    asyncio.run(run())
