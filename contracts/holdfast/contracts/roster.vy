# pragma version 0.4.3
# @license Apache-2.0
"""
@title  The roster: vaults in the order of registration, and the committees drawn
@notice A period's committee is drawn from Registry(first epoch of the period), which
        is everybody who stood at the end of the epoch two before it. Entries and
        departures wait in line until that epoch has passed; `_advance` lets them in.
        So the roster is always the snapshot that the current period's draw needs, and
        a vault that enters or leaves today changes only the periods after this one.
"""

import calendar

uses: calendar

COMMITTEE_MAX: constant(uint256) = 128
WORDS_MAX: constant(uint256) = 512
VAULTS_MAX: constant(uint256) = WORDS_MAX * 256
SNAPSHOT_EPOCHS: constant(uint256) = 2
DRAWS_PER_MEMBER: constant(uint256) = 64
DRAWS_MAX: constant(uint256) = COMMITTEE_MAX * DRAWS_PER_MEMBER

# For counting bits: every second bit, every second pair, nibble, byte; every 16th.
BITS: constant(uint256) = max_value(uint256) // 3
PAIRS: constant(uint256) = max_value(uint256) // 5
NIBBLES: constant(uint256) = max_value(uint256) // 17
BYTES: constant(uint256) = max_value(uint256) // 257
UNITS: constant(uint256) = max_value(uint256) // 65535

struct Line:
    listed: uint256     # numbers below it have been let in
    departed: uint256   # departures below it have been let out
    live: uint256       # listed and not gone
    leaving: uint256    # departures so far

# A vault's id, by its number.
vault_at: public(HashMap[uint256, bytes32])
count: public(uint256)
# The epoch in which a number entered, by number; the number that left and the epoch,
# by order of leaving: number << 64 | epoch.
_entered: HashMap[uint256, uint256]
_departures: HashMap[uint256, uint256]
# One bit for each number: it was let out.
_gone: HashMap[uint256, uint256]
# The fields of Line, 64 bits each.
_line: uint256


@internal
def _enter(vault: bytes32, epoch: uint256) -> uint256:
    """
    Put a new vault in line and return its number.
    """
    number: uint256 = self.count
    assert number < VAULTS_MAX, "registry full"
    self.count = number + 1
    self.vault_at[number] = vault
    self._note_entry(number, epoch)
    return number


@internal
def _note_entry(number: uint256, epoch: uint256):
    """
    Eight entries share a slot, 32 bits each.
    """
    assert epoch < 2**32, "epoch too late"
    offset: uint256 = 32 * (number % 8)
    self._entered[number // 8] |= epoch << offset


@internal
@view
def _entry(number: uint256) -> uint256:
    return (self._entered[number // 8] >> (32 * (number % 8))) & (2**32 - 1)


@internal
def _leave(number: uint256, epoch: uint256):
    """
    Put a departure in line.
    """
    line: Line = self._load()
    self._departures[line.leaving] = number << 64 | epoch
    line.leaving += 1
    self._store(line)


@internal
def _advance(steps: uint256, epoch: uint256):
    """
    Let in and out whom the current period's snapshot has, at most `steps` of them.
    """
    reach: uint256 = self._reach(epoch)
    line: Line = self._load()
    before: uint256 = line.listed + line.departed
    count: uint256 = self.count
    for i: uint256 in range(steps, bound=1024):
        if line.listed < count and self._entry(line.listed) < reach:
            line.listed += 1
            line.live += 1
        elif line.departed < line.leaving:
            departure: uint256 = self._departures[line.departed]
            if departure & (2**64 - 1) >= reach:
                break
            number: uint256 = departure >> 64
            self._gone[number // 256] |= 1 << (number % 256)
            line.departed += 1
            line.live -= 1
        else:
            break
    if line.listed + line.departed > before:
        self._store(line)


@internal
@view
def _is_current(epoch: uint256) -> bool:
    """
    Tell whether nobody waits in line who belongs into the current snapshot.
    """
    reach: uint256 = self._reach(epoch)
    line: Line = self._load()
    if line.listed < self.count and self._entry(line.listed) < reach:
        return False
    if line.departed == line.leaving:
        return True
    return self._departures[line.departed] & (2**64 - 1) >= reach


@internal
@view
def _reach(epoch: uint256) -> uint256:
    """
    One more than the last epoch whose entries and departures count in this period.
    """
    first: uint256 = calendar._first_epoch(calendar._period_of(epoch))
    return first + 1 - SNAPSHOT_EPOCHS if first >= SNAPSHOT_EPOCHS else 0


@internal
@view
def _draw(beacon: bytes32, size: uint256) -> DynArray[uint256, COMMITTEE_MAX]:
    """
    Return the committee's numbers by rank, exactly as `placement.committee` does.
    """
    line: Line = self._load()
    places: DynArray[uint256, COMMITTEE_MAX] = self._places(
        beacon, min(size, line.live), line.live
    )
    if line.live == line.listed:
        return places
    return self._numbers(places, line.listed)


@internal
@view
def _places(
    beacon: bytes32, wanted: uint256, live: uint256
) -> DynArray[uint256, COMMITTEE_MAX]:
    """
    Draw places of the snapshot; a place that was drawn before is skipped.
    """
    places: DynArray[uint256, COMMITTEE_MAX] = []
    drawn: uint256[WORDS_MAX] = empty(uint256[WORDS_MAX])
    for counter: uint256 in range(wanted * DRAWS_PER_MEMBER, bound=DRAWS_MAX):
        if len(places) == wanted:
            break
        seed: bytes32 = sha256(
            concat(
                b"holdfast committee v1",
                beacon,
                convert(convert(counter, uint32), bytes4),
            )
        )
        place: uint256 = convert(seed, uint256) % live
        bit: uint256 = 1 << (place % 256)
        if drawn[place // 256] & bit == 0:
            drawn[place // 256] |= bit
            places.append(place)
    # Bad luck leaves members missing; the places that were not drawn fill up in order.
    for place: uint256 in range(live, bound=VAULTS_MAX):
        if len(places) == wanted:
            break
        if drawn[place // 256] & (1 << (place % 256)) == 0:
            places.append(place)
    return places


@internal
@view
def _numbers(
    places: DynArray[uint256, COMMITTEE_MAX], listed: uint256
) -> DynArray[uint256, COMMITTEE_MAX]:
    """
    Turn places of the snapshot into numbers: those that have gone do not count.
    """
    words: uint256 = (listed + 255) // 256
    here: uint256[WORDS_MAX] = empty(uint256[WORDS_MAX])
    ends: uint256[WORDS_MAX] = empty(uint256[WORDS_MAX])
    seen: uint256 = 0
    for i: uint256 in range(words, bound=WORDS_MAX):
        here[i] = ~self._gone[i]
        if i == words - 1 and listed % 256 > 0:
            here[i] &= (1 << (listed % 256)) - 1
        seen += self._count_bits(here[i])
        ends[i] = seen

    numbers: DynArray[uint256, COMMITTEE_MAX] = []
    for place: uint256 in places:
        low: uint256 = 0
        high: uint256 = words - 1
        for halving: uint256 in range(10):
            if low == high:
                break
            middle: uint256 = (low + high) // 2
            if place < ends[middle]:
                high = middle
            else:
                low = middle + 1
        before: uint256 = 0
        if low > 0:
            before = ends[low - 1]
        numbers.append(256 * low + self._nth_bit(here[low], place - before))
    return numbers


@internal
@pure
def _nth_bit(word: uint256, n: uint256) -> uint256:
    """
    Return the place of the n-th bit that is set, from 0.
    """
    rest: uint256 = n
    bits: uint256 = word
    place: uint256 = 0
    width: uint256 = 128
    for i: uint256 in range(8):
        lower: uint256 = bits & ((1 << width) - 1)
        inside: uint256 = self._count_bits(lower)
        if rest < inside:
            bits = lower
        else:
            rest -= inside
            bits >>= width
            place += width
        width //= 2
    return place


@internal
@pure
def _count_bits(word: uint256) -> uint256:
    x: uint256 = word - ((word >> 1) & BITS)
    x = (x & PAIRS) + ((x >> 2) & PAIRS)
    x = (x + (x >> 4)) & NIBBLES
    x = (x & BYTES) + ((x >> 8) & BYTES)
    return unsafe_mul(x, UNITS) >> 240


@internal
@view
def _load() -> Line:
    word: uint256 = self._line
    return Line(
        listed=word & (2**64 - 1),
        departed=(word >> 64) & (2**64 - 1),
        live=(word >> 128) & (2**64 - 1),
        leaving=word >> 192,
    )


@internal
def _store(line: Line):
    self._line = line.listed | line.departed << 64 | line.live << 128 | line.leaving << 192
