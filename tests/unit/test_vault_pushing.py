"""Certificates on their way to a large committee: few members at once, all in time."""

from audit_parties import Parties, of_kind
from committee_stage import FIRST
from holdfast.protocol.checkpoint import Entries
from holdfast.protocol.units import VaultId
from holdfast.vault.core import effects as fx
from holdfast.vault.core.myself import Myself
from holdfast.vault.core.outbox import Outbox
from holdfast.vault.core.proof_store import ProofStore
from holdfast.vault.core.pushing import AT_ONCE, Pushing
from holdfast.vault.core.saved import Restored
from simulation.world import sim_params

PEERS = [VaultId(bytes([number]) * 32) for number in range(5)]


def test_certificates_go_to_few_members_at_once_and_from_a_place_of_ones_own() -> None:
    """All vaults begin together: asking everybody would be asking all the same."""
    parties = Parties(40, sim_params(committee_size=40))
    parties.reach(FIRST)
    firsts = set()
    for keys in parties.keys[:5]:
        me = Myself(keys, parties.ledger)
        proofs = ProofStore(me.ledger, Restored())
        pushing, entries = Pushing(me, proofs), Entries(())
        proofs.own(parties.certificate(keys, 6, entries), entries, 0.0)
        now = parties.at(FIRST, 0.1)
        asked = [c.peer for c in of_kind(pushing.step(now), fx.Call)]
        assert len(asked) == AT_ONCE
        firsts.add(asked[0])
        assert not of_kind(pushing.step(now + 1), fx.Call), "these are to answer first"
        assert not of_kind(pushing.step(now + 1), fx.WakeAt)
        for hung in asked[:9]:  # the others hang on
            refused = pushing.refused(now + 2, VaultId(bytes(hung)), None, "hangs")
            asked += [call.peer for call in of_kind(refused, fx.Call)]
        while len(asked) < 39:
            taken = pushing.taken(now + 1000, VaultId(bytes(asked[-1])))
            (call,) = of_kind(taken, fx.Call)
            asked.append(call.peer)
        assert set(asked) == {other.vault_id for other in parties.keys} - {me.id}
    assert len(firsts) > 2


def test_who_was_not_asked_yet_comes_before_who_failed() -> None:
    outbox = Outbox(PEERS, 10.0)
    assert outbox.due(0.0, 2) == tuple(PEERS[:2])
    for peer in PEERS[:2]:
        outbox.fail(peer, 1.0)
    assert outbox.due(100.0, 4) == (*PEERS[2:], PEERS[0])
