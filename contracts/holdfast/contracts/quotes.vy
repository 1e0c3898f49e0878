# pragma version 0.4.3
# @license Apache-2.0
"""
@title  Quotes: what vaults signed before a deal names them as holders, and the holders
        that follow from them
@notice A quote is signed by its vault's account (EIP-712), in the network's domain.
"""

struct Holder:
    vault: bytes32
    price: uint64

struct Party:
    account: address
    payout: address

struct Quote:
    vault: bytes32
    price: uint64
    valid_epoch: uint64
    v: uint8
    r: bytes32
    s: bytes32

HOLDERS_MAX: constant(uint256) = 255
GIB: constant(uint256) = 2**30
PRICE_MAX: constant(uint256) = 2**63 - 1
S_MAX: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)
DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,bytes32 salt)"
)
QUOTE_TYPE: constant(bytes32) = keccak256(
    "Quote(bytes32 deal,bytes32 vault,uint64 price,uint64 capacity,uint64 endEpoch,uint64 validEpoch)"
)

DOMAIN: immutable(bytes32)

# Who holds or is paid in the deal that this transaction opens.
_seen: transient(HashMap[bytes32, HashMap[bytes32, bool]])


@deploy
def __init__(network_id: bytes32):
    DOMAIN = keccak256(
        abi_encode(
            DOMAIN_TYPE, keccak256("Holdfast"), keccak256("1"), chain.id, network_id
        )
    )


@internal
@pure
def _holders(quotes: DynArray[Quote, HOLDERS_MAX]) -> DynArray[Holder, HOLDERS_MAX]:
    """
    Return who would hold a deal with these quotes, in order.
    """
    holders: DynArray[Holder, HOLDERS_MAX] = []
    for quote: Quote in quotes:
        assert convert(quote.price, uint256) <= PRICE_MAX, "price refused"
        holders.append(Holder(vault=quote.vault, price=quote.price))
    return holders


@internal
@view
def _check(
    deal: bytes32,
    capacity: uint256,
    end_epoch: uint256,
    epoch: uint256,
    quotes: DynArray[Quote, HOLDERS_MAX],
    parties: DynArray[Party, HOLDERS_MAX],
):
    """
    Every quote is signed by its vault's account, for these terms, and still valid.
    """
    i: uint256 = 0
    for quote: Quote in quotes:
        assert convert(quote.valid_epoch, uint256) >= epoch, "quote expired"
        assert convert(quote.s, uint256) <= S_MAX, "quote not signed"
        body: bytes32 = keccak256(
            abi_encode(
                QUOTE_TYPE,
                deal,
                quote.vault,
                quote.price,
                capacity,
                end_epoch,
                quote.valid_epoch,
            )
        )
        digest: bytes32 = keccak256(concat(x"1901", DOMAIN, body))
        signer: address = ecrecover(digest, quote.v, quote.r, quote.s)
        assert signer != empty(address), "quote not signed"
        assert signer == parties[i].account, "quote not signed"
        i += 1


@internal
def _check_distinct(
    deal: bytes32,
    holders: DynArray[Holder, HOLDERS_MAX],
    parties: DynArray[Party, HOLDERS_MAX],
    payouts: bool,
):
    """
    No vault twice, and, if `payouts` says so, no payout account twice.
    """
    i: uint256 = 0
    for holder: Holder in holders:
        assert not self._seen[deal][holder.vault], "vault twice"
        self._seen[deal][holder.vault] = True
        if payouts:
            payout: bytes32 = convert(parties[i].payout, bytes32)
            assert not self._seen[deal][payout], "payout twice"
            self._seen[deal][payout] = True
        i += 1


@internal
@pure
def _price_of_epoch(
    holders: DynArray[Holder, HOLDERS_MAX], capacity: uint256
) -> uint256:
    """
    What the whole capacity costs for an epoch, rounded up for each holder.
    """
    total: uint256 = 0
    for holder: Holder in holders:
        total += (capacity * convert(holder.price, uint256) + GIB - 1) // GIB
    return total
