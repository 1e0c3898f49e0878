"""Work that is not due costs nothing, and what is due is never forgotten."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.ledger.core.followed import LedgerState
from holdfast.protocol.checkpoint import Checkpoint, Entries, StorageCertificate
from holdfast.protocol.network import development_params
from holdfast.protocol.signing import Signed
from holdfast.protocol.units import Digest, VaultId
from holdfast.vault.core.outbox import TRIES_MAX, Outbox
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.rebuilding import REST_EPOCHS_MAX, Rest
from holdfast.vault.core.saved import Restored

PEERS = [VaultId(bytes([number]) * 32) for number in range(4)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["due", "fail", "settle", "add"]),
        st.sampled_from(PEERS),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(STEPS)
def test_an_outbox_gives_everybody_who_is_due(
    steps: list[tuple[str, VaultId, int]],
) -> None:
    outbox, now = Outbox(PEERS[:3], 1.0), 0.0
    due_at: dict[VaultId, float] = dict.fromkeys(PEERS[:3], 0.0)
    tries: dict[VaultId, int] = {}
    for what, peer, passed in steps:
        now += passed
        if what == "due":
            expected = {one for one, at in due_at.items() if at <= now}
            assert set(outbox.due(now)) == expected
            for one in expected:
                due_at[one] = float("inf")
                tries[one] = tries.get(one, 0) + 1
        elif what == "fail" and peer in due_at:
            outbox.fail(peer, now)
            factor = 1 << min(max(tries.get(peer, 0) - 1, 0), 4)
            due_at[peer] = now + factor
        elif what == "settle":
            assert outbox.settle(peer) == (due_at.pop(peer, None) is not None)
        elif what == "add":
            outbox.add(peer, now)
            due_at[peer] = now
    assert len(outbox) == len(due_at)
    assert max(tries.values(), default=0) <= TRIES_MAX


def proven(store: ProofStore, epoch: int) -> None:
    checkpoint = Checkpoint(PEERS[0], epoch, Digest(bytes(32)), 0, 0)
    signed = Signed(checkpoint, bytes(64))
    certificate = StorageCertificate(epoch, signed, Digest(bytes(32)), ())
    store.own(certificate, Entries(()), 0.0)


def test_only_new_certificates_are_looked_at() -> None:
    store = ProofStore(LedgerState(development_params("due", 0)), Restored())
    proven(store, 3)
    seen = store.changes
    assert [one.name.epoch for one in store.after(-1)] == [3]
    assert store.after(seen) == []
    for epoch in (4, 3, 5):
        proven(store, epoch)
    assert [one.name.epoch for one in store.after(seen)] == [4, 5]
    store.drop_before(5)
    assert [one.name.epoch for one in store.after(-1)] == [5]
    assert store.after(store.changes) == []


def test_a_deal_that_nobody_can_rebuild_is_tried_ever_more_seldom() -> None:
    rest, tried = Rest(), []
    for epoch in range(40):
        if epoch >= rest.until:
            tried.append(epoch)
            rest = rest.after(0, epoch)
    assert tried == [0, 1, 3, 7, 15, 23, 31, 39]
    assert rest.until - 39 == REST_EPOCHS_MAX
    assert rest.after(1, 47) == Rest()
