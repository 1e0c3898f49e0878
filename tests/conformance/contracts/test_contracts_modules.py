"""The modules inside the contracts say what the protocol says."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey
from py_arkworks_bls12381 import G2Point

from compile_source import compile_source
from evm_network import TestNetwork
from evm_people import make_vault
from evm_stage import set_stage
from holdfast.contracts.points import key_point, signature_point
from holdfast.protocol import bls, placement
from holdfast.protocol.bls_arkworks import SIGNATURE_TAG
from holdfast.protocol.errors import SignatureInvalidError
from holdfast.protocol.settlement import DEAL_LEAF, TOTAL, VAULT_LEAF, Total, Totals
from holdfast.protocol.settlement_tree import SettlementTree
from holdfast.protocol.units import Digest, VaultId

HARNESS = Path(__file__).parent / "Harness.vy"
GULLIBLE = Path(__file__).parent / "Gullible.vy"
# A failing example is made again from its seed; here a chain answers each one.
FEW = settings(max_examples=15, deadline=None, derandomize=True)
# A verification is 600,000 gas of single steps: a third of a second in py-evm.
FEWER = settings(FEW, max_examples=4)


@dataclass
class Opened:
    """The harness on a chain."""

    network: TestNetwork
    calls: Any


@pytest.fixture(scope="session")
def opened(new_chain: Callable[[], Any]) -> Opened:
    network = TestNetwork(new_chain())
    where = network.network.address
    harness = network.deploy_code("harness", *compile_source(HARNESS), where)
    return Opened(network, harness.functions)


@FEW
@given(data=st.data())
def test_paths_lead_where_the_protocols_lead(opened: Opened, data: Any) -> None:
    count = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, count - 1))
    grains = data.draw(st.integers(0, 2**64 - 1))
    ids = [number.to_bytes(32, "big") for number in range(count)]
    party = data.draw(st.sampled_from([VAULT_LEAF, DEAL_LEAF]))
    tree = SettlementTree([TOTAL.encode(Total(party, id_, grains)) for id_ in ids])
    path = list(tree.path(index))
    root = opened.calls.root(party, ids[index], grains, index, count, path).call()
    assert root == tree.root


@FEW
@given(
    live=st.one_of(st.integers(1, 200), st.integers(1, 131_072)),
    wanted=st.integers(1, 128),
    beacon=st.binary(min_size=32, max_size=32),
)
def test_places_are_drawn_as_the_protocol_draws(
    opened: Opened, live: int, wanted: int, beacon: bytes
) -> None:
    wanted = min(wanted, live)
    drawn = opened.calls.places(beacon, wanted, live).call()
    registry = range(live)
    assert tuple(drawn) == placement.committee(registry, Digest(beacon), wanted)  # type: ignore[arg-type] # places stand for vaults


def test_the_draw_skips_those_who_have_gone(new_chain: Callable[[], Any]) -> None:
    network = TestNetwork(new_chain(), period_epochs=4)
    where = network.network.address
    code = compile_source(HARNESS)
    harness = network.deploy_code("harness", *code, where).functions
    sender, beacon = network.owner, b"\5" * 32
    # 300 enter in epoch 0, 250 in epoch 6, 20 in epoch 7; some leave.
    gone_early, gone_late = [*range(0, 40, 2), 255, 256, 257, 299], [1, 400, 549]
    network.send(harness.enter(300, 0), sender)
    network.send(harness.leave(gone_early, 2), sender)
    network.send(harness.enter(250, 6), sender)
    network.send(harness.leave(gone_late, 6), sender)
    network.send(harness.enter(20, 7), sender)
    network.send(harness.leave([550], 7), sender)

    def expected(numbers: list[int]) -> list[int]:
        ids = [VaultId(number.to_bytes(32, "big")) for number in numbers]
        drawn = placement.committee(ids, Digest(beacon), 128)
        return [int.from_bytes(vault, "big") for vault in drawn]

    # Registry(4) is that of the end of epoch 2.
    network.send(harness.advance(200, 4), sender)
    network.refused(harness.draw(beacon, 128, 4), sender, "registry behind")
    network.send(harness.advance(1000, 4), sender)
    first = [number for number in range(300) if number not in gone_early]
    assert harness.draw(beacon, 128, 4).call() == expected(first)
    # Registry(8) is that of the end of epoch 6.
    network.refused(harness.draw(beacon, 128, 8), sender, "registry behind")
    network.send(harness.advance(1000, 8), sender)
    gone = {*gone_early, *gone_late}
    second = [number for number in range(550) if number not in gone]
    assert harness.draw(beacon, 128, 11).call() == expected(second)
    assert harness.draw(beacon, 5, 11).call() == expected(second)[:5]


@FEW
@given(message=st.binary(max_size=48))
def test_messages_are_hashed_to_the_curve_as_everywhere(
    opened: Opened, message: bytes
) -> None:
    point = G2Point.hash_to_curve(message, SIGNATURE_TAG).to_compressed_bytes()
    assert opened.calls.hash_to_g2(message).call() == signature_point(point)


@FEW
@given(seed=st.binary(min_size=32, max_size=32))
def test_points_are_compressed_as_they_were(opened: Opened, seed: bytes) -> None:
    secret = bls.secret_key(seed)
    key, signature = bls.public_key(secret), bls.sign(secret, seed)
    assert opened.calls.compress_key(key_point(key)).call() == key
    compressed = opened.calls.compress_signature(signature_point(signature)).call()
    assert compressed == signature


@FEWER
@given(
    seed=st.binary(min_size=32, max_size=32),
    message=st.binary(max_size=278),
    flipped=st.integers(0, 511),
)
def test_ed25519_signatures_are_judged_as_by_libsodium(
    opened: Opened, seed: bytes, message: bytes, flipped: int
) -> None:
    signer = SigningKey(seed)
    key, signature = bytes(signer.verify_key), signer.sign(message).signature
    verify = opened.network.identity.functions.verify
    assert verify(key, message, signature).call()
    forged = bytearray(signature)
    forged[flipped // 8] ^= 1 << flipped % 8
    assert not verify(key, message, bytes(forged)).call()


ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19


@pytest.mark.parametrize(
    "key",
    [
        (1).to_bytes(32, "little"),
        (0).to_bytes(32, "little"),
        (PRIME - 1).to_bytes(32, "little"),
        (PRIME + 1).to_bytes(32, "little"),
        (1 | 1 << 255).to_bytes(32, "little"),
        (2).to_bytes(32, "little"),
        b"\xff" * 32,
    ],
)
def test_keys_of_small_order_and_other_spellings_are_refused(
    opened: Opened, key: bytes
) -> None:
    verify = opened.network.identity.functions.verify
    # With s = 0 and R = identity, a key of order one would pass the equation.
    signature = (1).to_bytes(32, "little") + bytes(32)
    assert not verify(key, b"", signature).call()


def test_a_signature_has_one_s_only(opened: Opened) -> None:
    signer = SigningKey(b"\1" * 32)
    signature = signer.sign(b"once").signature
    s = int.from_bytes(signature[32:], "little")
    twin = signature[:32] + (s + ORDER).to_bytes(32, "little")
    verify = opened.network.identity.functions.verify
    key = bytes(signer.verify_key)
    assert verify(key, b"once", signature).call()
    assert not verify(key, b"once", twin).call()
    assert not verify(key, b"once", signature[:63]).call()


@pytest.mark.parametrize(
    "key", [bytes(48), b"\xc0" + bytes(47), b"\xff" * 48, b"\x80" + bytes(46)]
)
def test_what_is_no_compressed_key_has_no_point(key: bytes) -> None:
    with pytest.raises(SignatureInvalidError):
        key_point(key)


@pytest.mark.parametrize(
    "signature", [bytes(96), b"\xc0" + bytes(95), b"\x9f" * 96, b"\x80" + bytes(94)]
)
def test_what_is_no_compressed_signature_has_no_point(signature: bytes) -> None:
    with pytest.raises(SignatureInvalidError):
        signature_point(signature)


def test_accounts_certify_where_the_precompiles_are_missing(
    new_chain: Callable[[], Any],
) -> None:
    network = TestNetwork(
        new_chain(),
        certificates="EcdsaCertificates",
        identity=compile_source(GULLIBLE),
    )
    stage = set_stage(network, [make_vault(seed) for seed in range(5)])
    totals = Totals({vault.id: 10 for vault in stage.vaults}, {stage.deal: 50})
    statement = network.statement(0, totals)
    committee = stage.committee
    few = network.settle_by_accounts(statement, committee, [0, 1])
    network.refused(few, stage.stranger, "no majority")
    stranger = [*committee[:4], make_vault(99)]
    wrong = network.settle_by_accounts(statement, stranger, [0, 1, 4])
    network.refused(wrong, stage.stranger, "signature refused")
    good = network.settle_by_accounts(statement, committee, [0, 2, 3])
    settle = network.settlement.functions.settle
    swapped = good.args[2][65:130] + good.args[2][:65] + good.args[2][130:]
    for evidence, reason in {
        good.args[2][:-1]: "signature malformed",
        good.args[2] + b"\0": "signature malformed",
        swapped: "signature refused",
    }.items():
        call = settle(good.args[0], good.args[1], evidence)
        network.refused(call, stage.stranger, reason)
    network.send(good, stage.stranger, "settle with accounts, 3 of 5")
    stage.totals = totals
    network.send(stage.claim_call(stage.vaults[0]), stage.stranger)
    assert network.balance(stage.vaults[0].payout) == 10
