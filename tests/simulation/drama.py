"""Plays one story: lets everything happen when its time has come."""

import random
from collections.abc import Callable

from holdfast.ledger.core.operations import Refund, Unbond
from holdfast.protocol.settlement import DEAL_LEAF
from simulation.forgers import Forger, usurp
from simulation.masks import (
    Colluder,
    Dropper,
    GarbageServer,
    Liar,
    Mask,
    Selective,
    Staller,
)
from simulation.promises import Promises
from simulation.sim_owner import Kept, SimOwner
from simulation.sim_vault import SimVault
from simulation.story import STAKE, Act, Happening, Story
from simulation.universe import Universe

CAPACITY = 1 << 14
DEAL_EPOCHS = (40, 80, 1000)
POLICIES = ((2, 4), (2, 5), (3, 6), (4, 8))
SCRUB_EVERY = 4
SCRUBBED = 8
DROP_EPOCH = 5.0
COLLUDING = {"colluder", "forger", "usurper"}


class Drama:
    """One story on its stage; `play` runs it to its end."""

    def __init__(self, story: Story, *, look_every: int = 1) -> None:
        self.story = story
        whole = story.vaults + story.joiners
        self.universe = Universe(
            story.seed, story.params, whole, story.climate, owners=2
        )
        self.dice = random.Random(f"drama {story.seed}")
        self.owners = [
            SimOwner(
                self.universe, secret, random.Random(f"owner {story.seed} {place}")
            )
            for place, secret in enumerate(self.universe.owner_seeds)
        ]
        self.owners[1].hostile = story.hostile_owner
        self.promises = Promises(self.universe, self.owners)
        self._look_every = look_every
        self._spared: dict[int, set[str]] = {}
        self._usurpers = [
            self.universe.vaults[number]
            for number, kind, _ in story.masks
            if kind == "usurper"
        ]
        self._acts: dict[Act, Callable[[Happening, SimVault], None]] = {
            Act.CRASH: self._crash,
            Act.DIE: self._die,
            Act.AWAY: self._go_away,
            Act.EXIT: self._exit,
            Act.JOIN: self._join,
            Act.SPLIT: self._split,
            Act.OUTAGE: self._outage,
            Act.ROT: self._rot,
            Act.FULL: self._full,
            Act.SLOW: self._slow,
            Act.UPLOAD: self._upload,
        }
        self._mask()

    def play(self) -> Promises:
        universe, params = self.universe, self.story.params
        universe.begin(self.story.vaults, STAKE)
        for one in self.story.happenings:
            vault = universe.vaults[one.who]
            self._at(one.epoch, lambda o=one, v=vault: self._acts[o.act](o, v))  # type: ignore[misc]
        for number, _, _ in self.story.masks:
            vault = universe.vaults[number]
            self._at(DROP_EPOCH, lambda v=vault: self._drop(v))  # type: ignore[misc]
        for epoch in range(1, self.story.epochs + 1):
            self._at(epoch, lambda e=epoch: self._begin_epoch(e))  # type: ignore[misc]
        universe.clock.run_until(params.epoch_start(self.story.epochs) + 1.0)
        self.promises.look_at_data()
        self.promises.look_at_tokens()
        return self.promises

    def _at(self, epoch: float, act: Callable[[], None]) -> None:
        params = self.story.params
        seconds = params.genesis_seconds + epoch * params.epoch_seconds + 0.02
        self.universe.clock.at(seconds, act)

    def _after(self, epochs: float, act: Callable[[], None]) -> None:
        self.universe.clock.after(epochs * self.story.params.epoch_seconds, act)

    def _mask(self) -> None:
        vaults = self.universe.vaults
        colluders = [n for n, kind, _ in self.story.masks if kind in COLLUDING]
        friends = frozenset(vaults[number].id for number in colluders)
        for number, kind, drops in self.story.masks:
            dice = random.Random(f"mask {self.story.seed} {number}")
            masks: dict[str, Mask] = {
                "dropper": Dropper(drops),
                "selective": Selective(drops, dice=dice),
                "colluder": Colluder(friends, drops if dice.random() < 0.5 else 0.0),
                "liar": Liar(),
                "garbage": GarbageServer(),
                "staller": Staller(),
                "usurper": Staller(),
            }
            masks["forger"] = Forger(friends, drops)
            vaults[number].mask = masks[kind]

    # Once an epoch.

    def _begin_epoch(self, epoch: int) -> None:
        universe = self.universe
        universe.tick()
        for vault in universe.vaults:
            vault.saves.begin_epoch(epoch)
            if vault.alive:
                vault.holder.begin_epoch(epoch)
                if (epoch + vault.number) % SCRUB_EVERY == 0 and vault.mask is None:
                    vault.holder.scrub(SCRUBBED)
        if epoch % self._look_every == 0:
            self.promises.look_at_data()
        if epoch % self.story.params.period_epochs == 0:
            self.promises.look_at_tokens()
            self._refund_ended()
        if epoch % self.story.params.period_epochs == 1 and self._usurpers:
            usurp(universe, self._usurpers)

    def _refund_ended(self) -> None:
        """Let owners take back what their ended deals did not spend."""
        state = self.universe.chain.book.state
        bases = (v.node.books.base() for v in self.universe.vaults if v.alive)
        settled = state.settled.period if state.settled else -1
        base = next((b for b in bases if b and b.period == settled), None)
        for owner in self.owners:
            for kept in owner.deals.values():
                row = state.deal(kept.deal.id)
                if base is None or row is None or row.deal.refunded:
                    continue
                period = self.story.params.period_of(
                    row.deal.last_epoch(self.story.params)
                )
                if period <= settled:
                    proofs = base.prove(DEAL_LEAF, row.deal.id)
                    owner.submit(Refund(row.deal.id, proofs))

    # What happens.

    def _crash(self, one: Happening, vault: SimVault) -> None:
        if not vault.alive or vault.gone:
            return
        vault.dies_at = self.dice.choice((0, 1, 1, 2, 3))
        life = vault.life
        self._after(one.amount, lambda: self._come_back(vault, life))

    def _come_back(self, vault: SimVault, life: int) -> None:
        if vault.gone or vault.life != life:
            return
        vault.alive = False
        self.universe.start_again(vault)

    def _die(self, one: Happening, vault: SimVault) -> None:
        vault.alive, vault.gone = False, True
        vault.life += 1
        self.promises.died(vault)

    def _go_away(self, one: Happening, vault: SimVault) -> None:
        self.promises.died(vault)
        self._crash(one, vault)

    def _exit(self, one: Happening, vault: SimVault) -> None:
        self.universe.submit(vault, Unbond(vault.id))
        self.promises.left(vault)

    def _join(self, one: Happening, vault: SimVault) -> None:
        if not self.universe.chain.down:
            self.universe.join(vault, STAKE)

    def _split(self, one: Happening, vault: SimVault) -> None:
        """Halves by dice, or the first `who` vaults against all others."""
        vaults = self.universe.vaults
        sides = {v.number: self.dice.randrange(2) for v in vaults}
        if one.who:
            sides = {v.number: int(v.number < one.who) for v in vaults}
        self.universe.weather.sides = sides
        if one.amount > self.story.params.missed_unreachable:
            for side in (0, 1):
                self._cut_off([v for v in vaults if sides[v.number] == side], one)

        def heal() -> None:
            self.universe.weather.sides = {}

        self._after(one.amount, heal)

    def _cut_off(self, side: list[SimVault], split: Happening) -> None:
        """Less than a third on one side is away: two thirds prove, and may judge."""
        if 3 * len(side) >= len(self.universe.vaults):
            return
        params = self.story.params
        patience = params.window_unreachable + 2 * params.period_epochs
        until = int(split.epoch + split.amount) + patience
        for vault in side:
            self.promises.cut_off(vault, until)

    def _outage(self, one: Happening, vault: SimVault) -> None:
        self.universe.chain.down = True

        def end() -> None:
            self.universe.chain.down = False
            self.universe.tick()

        self._after(one.amount, end)

    def _rot(self, one: Happening, vault: SimVault) -> None:
        paths = vault.holder.disk.shards()
        for path in self.dice.sample(paths, min(int(one.amount), len(paths))):
            self.promises.rotted(vault, path)
            vault.holder.disk.flip(path, self.dice.randrange(1 << 16))

    def _full(self, one: Happening, vault: SimVault) -> None:
        vault.disk_full = vault.holder.disk.full = True

        def free() -> None:
            vault.disk_full = vault.holder.disk.full = False

        self._after(min(one.amount, 1.0), free)

    def _slow(self, one: Happening, vault: SimVault) -> None:
        vault.slow_seconds = 1.0

        def fast() -> None:
            vault.slow_seconds = 0.0

        self._after(one.amount, fast)

    def _upload(self, one: Happening, vault: SimVault) -> None:
        owner = self.owners[one.who % 2]
        k, n = self.dice.choice(POLICIES)
        epochs = self.dice.choice(DEAL_EPOCHS)
        kept: Kept | None = owner.open(k, n, CAPACITY, epochs, int(one.amount))
        self.promises.opened += kept is not None

    def _drop(self, vault: SimVault) -> None:
        """Delete the fraction that a dropper wants to be rid of, and tell nobody."""
        assert vault.mask
        if vault.mask.drops <= 0:
            return
        vault.holder.keep_silent()
        seen = self._spared.setdefault(vault.number, set())
        for path in vault.holder.disk.shards():
            if path not in seen and self.dice.random() < vault.mask.drops:
                vault.holder.disk.remove(path)
            seen.add(path)
        self._after(8.0, lambda: self._drop_again(vault))

    def _drop_again(self, vault: SimVault) -> None:
        """What came since is not spared either."""
        if vault.alive:
            self._drop(vault)
