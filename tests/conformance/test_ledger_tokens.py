"""Whatever anybody asks for in whatever order, no token is made or lost.

The machine plays owners, vaults and a committee that pays as it likes within the
rules, and keeps books of its own: plain arithmetic, nothing of the ledger's code.
"""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from holdfast.ledger.book import Book, memory_book
from holdfast.ledger.core.account_key import AccountKey
from holdfast.ledger.core.chain import Genesis
from holdfast.ledger.core.invariants import broken_invariants
from holdfast.ledger.core.operations import (
    Claim,
    Close,
    Extend,
    Faucet,
    Fund,
    Operation,
    Refund,
    Replace,
    Settle,
    Transfer,
    Unbond,
    Withdraw,
)
from holdfast.ledger.core.periods import committee
from holdfast.ledger.errors import LedgerError
from holdfast.ledger.sqlite import create_book, open_book
from holdfast.ledger.verify import verify
from holdfast.protocol import bls
from holdfast.protocol.deal import Deal
from holdfast.protocol.settlement import (
    DEAL_LEAF,
    REPLACEMENT_LEAF,
    VAULT_LEAF,
    Certificate,
    Ejection,
    Replacement,
    TotalProof,
    Totals,
    prove_total,
    signers_bitmap,
)
from holdfast.protocol.units import (
    GIB,
    GRAINS_PER_HOLD,
    AccountId,
    DealId,
    Digest,
    Grains,
)
from ledger_stage import (
    GENESIS_SECONDS,
    HOURLY,
    account_key,
    cached_registration,
    node_keys,
    opened,
    opening,
    quote,
    statement,
    vault_key,
)

OWNERS = [account_key(number) for number in (50, 51)]
NUMBERS = range(1, 7)
KEYS = {node_keys(number).vault_id: node_keys(number) for number in NUMBERS}
PEOPLE = [*OWNERS, *(vault_key(number) for number in NUMBERS)]
FED = HOURLY.faucet_grains
numbers = st.sampled_from(list(NUMBERS))
people = st.sampled_from(PEOPLE)
owners = st.sampled_from(OWNERS)
amounts = st.one_of(st.integers(0, 10**13), st.sampled_from([1, FED, FED + 1]))


class Tokens(RuleBasedStateMachine):
    """A ledger in memory, and what a person with a pencil would expect of it."""

    book: Book

    def __init__(self) -> None:
        super().__init__()
        self.book = self.make_book()
        self.epoch = 0
        self.minted = 0
        self.balances: Counter[AccountId] = Counter()
        self.deals: dict[DealId, AccountKey] = {}
        self.totals = Totals({}, {})
        self.settled = Totals({}, {})
        self.nonce = 0
        self.book.tick(bytes(32), GENESIS_SECONDS)

    def make_book(self) -> Book:
        return memory_book(Genesis(HOURLY), GENESIS_SECONDS)

    def act(self, key: AccountKey, operation: Operation) -> bool:
        """Submit twice; refused or not, the repetition changes nothing."""
        nonce = self.book.state.account(key.id).nonce
        signed = key.sign(HOURLY, nonce, operation)
        seconds = HOURLY.epoch_start(self.epoch)
        head = self.book.state.head
        try:
            applied = self.book.submit(signed, seconds)
        except LedgerError:
            assert self.book.state.head == head
            return False
        head = self.book.state.head
        assert self.book.submit(signed, seconds) == applied
        assert self.book.state.head == head
        return True

    def deal(self, deal: DealId) -> Deal:
        row = self.book.state.deal(deal)
        assert row is not None
        return row.deal

    @initialize()
    def begin(self) -> None:
        for key in PEOPLE:
            assert self.act(key, Faucet())
            self.minted += FED
            self.balances[key.id] += FED
        for number in NUMBERS:
            self.register(number, 10 * GRAINS_PER_HOLD)
        self.pass_time(2)

    @rule(key=people)
    def ask_the_faucet_again(self, key: AccountKey) -> None:
        assert not self.act(key, Faucet())

    @rule(source=people, to=people, amount=amounts)
    def transfer(self, source: AccountKey, to: AccountKey, amount: Grains) -> None:
        possible = 0 < amount <= self.balances[source.id]
        assert self.act(source, Transfer(to.id, amount)) == possible
        if possible:
            self.balances[source.id] -= amount
            self.balances[to.id] += amount

    @rule(number=numbers, stake=st.sampled_from([1, GRAINS_PER_HOLD]))
    def register(self, number: int, stake: Grains) -> None:
        key = vault_key(number)
        if self.act(key, cached_registration(number, HOURLY, key.id, stake)):
            self.balances[key.id] -= stake

    @rule(number=numbers, often=st.sampled_from([False, False, False, True]))
    def unbond(self, number: int, often: bool) -> None:
        if often:
            self.act(vault_key(number), Unbond(node_keys(number).vault_id))

    @rule(number=numbers)
    def withdraw(self, number: int) -> None:
        vault = node_keys(number).vault_id
        row = self.book.state.vault(vault)
        if self.act(vault_key(number), Withdraw(vault)):
            assert row is not None
            self.balances[row.account] += row.stake

    @rule(
        owner=owners,
        chosen=st.lists(numbers, min_size=1, max_size=4, unique=True),
        price=st.sampled_from([10**6, 10**6, 0, 1, 10**13]),
        capacity=st.sampled_from([GIB, GIB, 1, 64 * GIB]),
        epochs=st.sampled_from([1, 2, 3, 5, 9, 20]),
    )
    def open_deal(
        self,
        owner: AccountKey,
        chosen: list[int],
        price: Grains,
        capacity: int,
        epochs: int,
    ) -> None:
        self.nonce += 1
        terms = {"price": price, "capacity": capacity}
        terms["end_epoch"] = self.epoch + epochs
        wish = opening(
            HOURLY, owner.id, self.epoch, numbers=chosen, nonce=self.nonce, **terms
        )
        if self.act(owner, wish):
            deal = opened(owner, wish)
            self.deals[deal] = owner
            escrow = -(-capacity * price // GIB) * epochs * len(chosen)
            assert self.deal(deal).escrow == escrow
            self.balances[owner.id] -= escrow

    @rule(data=st.data(), key=people, amount=amounts)
    def fund(self, data: Any, key: AccountKey, amount: Grains) -> None:
        if self.deals:
            deal = data.draw(st.sampled_from(list(self.deals)))
            if self.act(key, Fund(deal, amount)):
                self.balances[key.id] -= amount

    @rule(data=st.data(), larger=st.integers(0, 1), longer=st.integers(0, 5))
    def extend(self, data: Any, larger: int, longer: int) -> None:
        if not self.deals:
            return
        deal = data.draw(st.sampled_from(list(self.deals)))
        before = self.deal(deal)
        by_id = {node_keys(number).vault_id: number for number in NUMBERS}
        terms = {"capacity": before.capacity + larger * GIB}
        terms["end_epoch"] = before.end_epoch + longer
        quotes = tuple(
            quote(
                HOURLY,
                by_id[holder.vault],
                deal,
                self.epoch,
                price=holder.price,
                **terms,
            )
            for holder in before.holders
        )
        owner = self.deals[deal]
        if self.act(owner, Extend(deal, quotes=quotes, **terms)):
            self.balances[owner.id] -= self.deal(deal).escrow - before.escrow

    @rule(data=st.data())
    def close(self, data: Any) -> None:
        if self.deals:
            deal = data.draw(st.sampled_from(list(self.deals)))
            self.act(self.deals[deal], Close(deal))

    @rule(epochs=st.sampled_from([1, 2]))
    def pass_time(self, epochs: int) -> None:
        for _ in range(epochs):
            self.epoch += 1
            random = self.epoch.to_bytes(32, "big")
            assert self.book.tick(random, HOURLY.epoch_start(self.epoch))

    @rule(key=people, parts=st.integers(1, 10))
    def live_a_period(self, key: AccountKey, parts: int) -> None:
        """All deals earn, the period ends and is settled."""
        for deal in self.deals:
            self.earn(deal, parts)
        self.pass_time(HOURLY.period_epochs)
        self.settle(key, None, 0)

    def earn(self, deal: DealId, parts: int) -> None:
        """A deal spends a part of what it has, and its holders earn it."""
        row = self.deal(deal)
        spent = dict(self.totals.spent)
        left = row.escrow - spent.get(deal, 0)
        if row.refunded or left < len(row.holders):
            return
        share = left // parts // len(row.holders)
        earned = dict(self.totals.earned)
        for holder in row.holders:
            earned[holder.vault] = earned.get(holder.vault, 0) + share
        spent[deal] = spent.get(deal, 0) + share * len(row.holders)
        self.totals = replace(self.totals, earned=earned, spent=spent)

    @rule(data=st.data(), key=people, thrown=st.booleans())
    def live_through_a_loss(self, data: Any, key: AccountKey, thrown: bool) -> None:
        """A holder leaves or is thrown out; the next settlement names who follows."""
        later = self.epoch + HOURLY.period_epochs
        running = [deal for deal in self.deals if self.deal(deal).end_epoch > later]
        if not running:
            return
        row = self.deal(data.draw(st.sampled_from(running)))
        index = data.draw(st.integers(0, row.n - 1))
        spare = [vault for vault in KEYS if row.index_of(vault) is None]
        lost, vault = row.holders[index].vault, data.draw(st.sampled_from(spare))
        (gone,) = (n for n in NUMBERS if node_keys(n).vault_id == lost)
        named = {*self.totals.replaced, Replacement(row.id, index, lost, vault)}
        self.totals = replace(self.totals, replaced=tuple(named))
        if not thrown:
            self.act(vault_key(gone), Unbond(lost))
        self.pass_time(HOURLY.period_epochs)
        self.settle(key, gone if thrown else None, 0)
        self.replace_whom_the_settlement_names(key)

    @rule(key=people)
    def replace_whom_the_settlement_names(self, key: AccountKey) -> None:
        for change in self.settled.replaced:
            before = self.deal(change.deal)
            proof = prove_total(self.settled, REPLACEMENT_LEAF, change.leaf().id)
            assert proof is not None
            if self.act(key, Replace(change, proof)):
                after = self.deal(change.deal)
                assert before.holders[change.index].vault == change.lost
                assert after.holders[change.index].vault == change.vault
                assert after.past[-1].until_epoch == self.epoch
                assert not self.act(key, Replace(change, proof))

    @rule(key=people, ejected=st.one_of(st.none(), numbers), extra=st.integers(0, 2))
    def settle(self, key: AccountKey, ejected: int | None, extra: Grains) -> None:
        """Now and then the committee ejects somebody, or pays more than it may."""
        period = HOURLY.period_of(self.epoch) - 1
        members = committee(self.book.state, period + 1)
        if not members or period < 0:
            return
        vault = None if ejected is None else node_keys(ejected).vault_id
        ejections = () if vault is None else (Ejection(vault, 5, Digest(bytes(32))),)
        made = statement(HOURLY, period, self.totals, ejections)
        made = replace(made, earned_total=made.earned_total + extra)
        digest = made.digest()
        signatures = [
            bls.sign(KEYS[member.vault].bls_secret, digest) for member in members
        ]
        bitmap = signers_bitmap(range(len(members)), len(members))
        certificate = Certificate(made, bitmap, bls.aggregate(signatures))
        if self.act(key, Settle(certificate)):
            self.settled = self.totals

    @rule(number=numbers, key=people)
    def claim(self, number: int, key: AccountKey) -> None:
        vault = node_keys(number).vault_id
        proof = prove_total(self.settled, VAULT_LEAF, vault)
        row = self.book.state.vault(vault)
        if proof is None or row is None:
            return
        if self.act(key, Claim(proof)):
            self.balances[row.payout] += proof.total.grains - row.claimed

    @rule(key=people)
    def refund_what_can_be(self, key: AccountKey) -> None:
        for deal in self.deals:
            before = self.deal(deal)
            if self.act(key, Refund(deal, self.place_of(deal))):
                spent = self.settled.spent.get(deal, 0)
                self.balances[before.owner] += before.escrow - spent

    def place_of(self, deal: DealId) -> tuple[TotalProof, ...]:
        """Return the deal's leaf, or the leaves beside where it would stand."""
        found = prove_total(self.settled, DEAL_LEAF, deal)
        if found is not None:
            return (found,)
        leaves = [(leaf.party, leaf.id) for leaf in self.settled.leaves()]
        lower = [place for place in leaves if place < (DEAL_LEAF, deal)][-1:]
        higher = [place for place in leaves if place > (DEAL_LEAF, deal)][:1]
        proofs = (prove_total(self.settled, *place) for place in lower + higher)
        return tuple(proof for proof in proofs if proof is not None)

    @invariant()
    def every_balance_is_as_the_pencil_says(self) -> None:
        for account, balance in self.balances.items():
            assert self.book.state.account(account).balance == balance

    @invariant()
    def no_token_was_made_or_lost(self) -> None:
        assert self.book.state.books.minted == self.minted
        assert broken_invariants(self.book.state) == ()

    @invariant()
    def nobody_earned_more_than_was_paid_in(self) -> None:
        claims = [row.claimed for row in self.book.state.vaults()]
        paid_in = sum(self.settled.spent.values()) + self.book.state.books.slashed
        assert sum(claims) <= paid_in


class TokensOnDisk(Tokens):
    """The same on SQLite, closed and opened again at random, verified at the end."""

    def make_book(self) -> Book:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        return create_book(self.path, Genesis(HOURLY), GENESIS_SECONDS)

    @rule()
    def reopen(self) -> None:
        self.book.close()
        self.book = open_book(self.path)

    def teardown(self) -> None:
        self.book.close()
        assert verify(self.path).problems == ()
        self.folder.cleanup()


quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TestTokens = Tokens.TestCase
TestTokens.settings = settings(
    max_examples=40, stateful_step_count=60, deadline=None, suppress_health_check=quiet
)
TestTokensOnDisk = TokensOnDisk.TestCase
TestTokensOnDisk.settings = settings(
    max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=quiet
)
