"""The recovery kit's code: what it survives, and what it says when it cannot."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.client.core import kit_code
from holdfast.client.core.kit import make_kit, print_kit, read_kit
from holdfast.client.core.kit_bytes import (
    ENTRIES_BYTES,
    Kit,
    KitEndpoint,
    KitError,
    decode_kit,
    encode_kit,
    fingerprint,
    is_sound,
)
from holdfast.client.core.kit_lines import (
    ALPHABET,
    LINE_CHARACTERS,
    LINE_SYMBOLS,
    LINES,
    print_line,
)
from holdfast.protocol.units import NetworkId

CHARACTERS = LINES * LINE_CHARACTERS
FIVE_PERCENT = 26  # of 512, rounded up


def server(number: int) -> KitEndpoint:
    return KitEndpoint(f"192.0.2.{number}:7447", fingerprint(bytes([number])))


KIT = make_kit(
    bytes(range(32)), NetworkId(b"\x5a" * 32), server(1), [server(2), server(3)]
)
PRINTED = print_kit(KIT)

kits = st.builds(
    make_kit,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32).map(NetworkId),
    st.integers(1, 255).map(server),
    st.lists(st.integers(1, 255).map(server), max_size=5),
)
randoms = st.integers(0, 2**32).map(random.Random)  # shrinks at once


def numbered(lines: tuple[str, ...] | list[str]) -> str:
    return "\n".join(f"{number:>2}:  {line}" for number, line in enumerate(lines, 1))


def with_signs(lines: tuple[str, ...], signs: dict[int, str]) -> list[str]:
    """Return the lines with the n-th character, spaces not counted, replaced."""
    places = iter(range(CHARACTERS))
    return [
        "".join(c if c == " " else signs.get(next(places), c) for c in line)
        for line in lines
    ]


def another(sign: str, chance: random.Random) -> str:
    return chance.choice([other for other in ALPHABET if other != sign])


def substitutions(
    lines: tuple[str, ...], count: int, chance: random.Random
) -> dict[int, str]:
    run = "".join(lines).replace(" ", "")
    return {
        place: another(run[place], chance)
        for place in chance.sample(range(CHARACTERS), count)
    }


@given(kit=kits)
@settings(max_examples=12, deadline=None)
def test_a_kit_reads_as_it_was_printed(kit: Kit) -> None:
    lines = print_kit(kit)
    assert len(lines) == LINES
    assert all(re.fullmatch(rf"([{ALPHABET}]{{4}} ?){{8}}", line) for line in lines)
    for text in (numbered(lines), "\n".join(lines), "".join(lines).replace(" ", "")):
        reading = read_kit(text)
        assert reading.kit == kit
        assert reading.mended == ()


@given(kit=kits, chance=randoms)
@settings(max_examples=12, deadline=None)
def test_five_percent_of_wrong_characters_are_mended(
    kit: Kit, chance: random.Random
) -> None:
    lines = print_kit(kit)
    signs = substitutions(lines, FIVE_PERCENT, chance)
    wrong = with_signs(lines, signs)
    for text in (numbered(wrong), "\n".join(wrong), "".join(wrong).replace(" ", "")):
        assert read_kit(text).kit == kit


@given(chance=randoms)
@settings(max_examples=12, deadline=None)
def test_five_percent_wrong_and_a_line_left_out_are_mended(
    chance: random.Random,
) -> None:
    wrong = with_signs(PRINTED, substitutions(PRINTED, FIVE_PERCENT, chance))
    rows = numbered(wrong).splitlines()
    del rows[chance.randrange(LINES)]
    assert read_kit("\n".join(rows)).kit == KIT


@given(start=st.integers(0, CHARACTERS - FIVE_PERCENT))
@settings(max_examples=12, deadline=None)
def test_a_burst_of_wrong_characters_is_mended_wherever_it_is(start: int) -> None:
    burst = dict.fromkeys(range(start, start + FIVE_PERCENT), "0")
    reading = read_kit(numbered(with_signs(PRINTED, burst)))
    assert reading.kit == KIT
    assert all(start // 32 < line <= start // 32 + 2 for line in reading.mended)


@given(chance=randoms, mark=st.sampled_from("?_*.u\N{WHITE SQUARE}"))
@settings(max_examples=12, deadline=None)
def test_a_tenth_of_unreadable_characters_is_mended(
    chance: random.Random, mark: str
) -> None:
    places = chance.sample(range(CHARACTERS), 2 * FIVE_PERCENT)
    lines = with_signs(PRINTED, dict.fromkeys(places, mark))
    assert read_kit(numbered(lines)).kit == KIT


@given(chance=randoms)
@settings(max_examples=12, deadline=None)
def test_five_percent_of_left_out_characters_are_mended(chance: random.Random) -> None:
    groups = chance.sample(range(CHARACTERS // 4), FIVE_PERCENT)
    places = [4 * group + chance.randrange(4) for group in groups]
    lines = with_signs(PRINTED, dict.fromkeys(places, ""))
    assert read_kit(numbered(lines)).kit == KIT
    assert read_kit("\n".join(lines)).kit == KIT


@given(chance=randoms)
@settings(max_examples=12, deadline=None)
def test_five_percent_of_doubled_characters_are_mended(chance: random.Random) -> None:
    run = "".join(PRINTED).replace(" ", "")
    places = chance.sample(range(CHARACTERS), FIVE_PERCENT)
    lines = with_signs(PRINTED, {place: 2 * run[place] for place in places})
    assert read_kit(numbered(lines)).kit == KIT


@given(chance=randoms, keep=st.integers(-1, 1))
@settings(max_examples=12, deadline=None)
def test_lines_without_spaces_may_be_one_short_or_long_in_four(
    chance: random.Random, keep: int
) -> None:
    lines = [line.replace(" ", "") for line in PRINTED]
    for row in chance.sample(range(LINES), 4):
        place = chance.randrange(LINE_CHARACTERS)
        lines[row] = lines[row][:place] + "7" * (1 + keep) + lines[row][place + 1 :]
    assert read_kit(numbered(lines)).kit == KIT


def test_four_lines_wrong_from_end_to_end_are_mended() -> None:
    lines = [*PRINTED]
    for row in (0, 3, 7, 15):
        lines[row] = "7777 " * 8
    reading = read_kit(numbered(lines))
    assert reading.kit == KIT
    assert reading.mended == (1, 4, 8, 16)


def test_case_hyphens_look_alikes_and_spaces_do_not_matter() -> None:
    typed = numbered(PRINTED).lower().replace("0", "o").replace("1", "l")
    assert read_kit(typed).kit == KIT
    assert read_kit("\n\n".join(PRINTED).replace(" ", "-")).kit == KIT
    assert read_kit("\r\n".join(" ".join(line) for line in PRINTED)).kit == KIT
    in_pairs = "".join(PRINTED).replace(" ", "")
    assert read_kit(re.sub("(.{64})", "\\1\n", in_pairs)).kit == KIT


def test_numbered_lines_may_come_in_any_order_among_other_text() -> None:
    rows = numbered(PRINTED).splitlines()[::-1]
    rows.insert(4, "Holdfast recovery kit: keep it secret")
    rows.append("1. Install Holdfast on the new machine: see the page")
    assert read_kit("\n".join(rows)).kit == KIT


def test_numbers_may_be_copied_as_lines_of_their_own() -> None:
    assert read_kit(numbered(PRINTED).replace(":  ", ":\n\n") + "\n5:").kit == KIT


def test_lines_without_numbers_are_placed_by_their_checks() -> None:
    shuffled = [PRINTED[place] for place in (5, 3, 11, 0, 1, 15, 7, 8, 4, 13, 6, 10)]
    reading = read_kit("\n".join(["Recovery kit", "1:", "2:", *shuffled]))
    assert reading.kit == KIT
    assert reading.mended == (3, 10, 13, 15)


def test_wrong_line_numbers_are_mended() -> None:
    rows = numbered(PRINTED).splitlines()
    rows[2] = rows[2].replace("3:", "8:", 1)
    rows[11] = rows[11].replace("12:", "1Z:", 1)
    rows[13] = rows[13].replace("14:  ", "14 ", 1)
    assert read_kit("\n".join(rows)).kit == KIT


def test_too_many_wrong_lines_are_named_with_their_fault() -> None:
    lines = [*PRINTED]
    lines[1] = lines[1][:9]
    lines[4] = "7777 " * 8
    lines[5] = lines[5] + "77777"
    lines[8] = "????" + lines[8][4:]
    rows = numbered(lines).splitlines()
    for row in (15, 14, 12):
        del rows[row]
    with pytest.raises(KitError) as caught:
        read_kit("\n".join(rows))
    assert caught.value.lines == (2, 5, 6, 9, 13, 15, 16)
    for said in (
        "line 2 too short",
        "line 5 mistyped",
        "line 6 too long",
        "line 9 unreadable in places",
        "lines 13, 15, 16 missing",
    ):
        assert said in str(caught.value)


@given(chance=randoms)
@settings(max_examples=12, deadline=None)
def test_too_many_wrong_characters_are_refused_and_never_misread(
    chance: random.Random,
) -> None:
    signs = substitutions(PRINTED, chance.randint(60, CHARACTERS), chance)
    try:
        reading = read_kit(numbered(with_signs(PRINTED, signs)))
    except KitError as error:
        assert error.lines  # noqa: PT017 # either outcome is right
    else:
        assert reading.kit == KIT


def test_a_code_whose_check_is_wrong_is_refused() -> None:
    data = bytearray(encode_kit(KIT))
    data[20] ^= 1
    assert not is_sound(bytes(data))
    symbols = kit_code.encode(bytes(data))
    lines = [
        print_line(place + 1, symbols[place * LINE_SYMBOLS :][:LINE_SYMBOLS])
        for place in range(LINES)
    ]
    with pytest.raises(KitError, match="do not belong together"):
        read_kit(numbered(lines))


def test_lines_of_two_kits_are_refused() -> None:
    other = print_kit(make_kit(b"\1" * 32, KIT.network, server(9), []))
    with pytest.raises(KitError, match="two different kits"):
        read_kit(numbered(PRINTED[:8] + other[8:]))


def test_a_newer_version_is_named() -> None:
    with pytest.raises(KitError, match="version 2, made by a newer"):
        decode_kit(b"\2" + encode_kit(KIT)[1:])


def test_an_unknown_role_is_skipped_and_nonsense_is_refused() -> None:
    one = encode_kit(make_kit(KIT.master, KIT.network, server(1), [server(2)]))
    start = 7 + 64 + server(1).entry_bytes
    assert one[start] == 4
    assert decode_kit(one[:start] + b"\7" + one[start + 1 :]).seeds == ()
    for place, wrong in ((71, b"\xff"), (72, b"\xff"), (72, b"\1"), (71, b"\1")):
        broken = one[:place] + wrong + one[place + 1 :]
        with pytest.raises(KitError, match="24 words"):
            decode_kit(broken)


@given(data=st.binary(min_size=210, max_size=210))
@settings(max_examples=100, deadline=None)
def test_any_sound_bytes_give_a_kit_or_a_clear_refusal(data: bytes) -> None:
    for version in (data[:1], b"\1"):
        try:
            kit = decode_kit(version + data[1:])
        except KitError:
            continue
        assert len(kit.master) == 32


@given(text=st.text())
@settings(max_examples=100, deadline=None)
def test_arbitrary_text_is_a_kit_error(text: str) -> None:
    with pytest.raises(KitError):
        read_kit(text)


def test_text_without_a_code_is_told_what_a_code_looks_like() -> None:
    for text in ("", "my kit", "\n".join(PRINTED[0][:20] for _ in PRINTED[1:])):
        with pytest.raises(KitError, match="16 lines of 32 characters"):
            read_kit(text)


@given(
    rows=st.lists(
        st.from_regex(r"\A ?([0-9OIl]{1,2}:)? ?[0-9A-Za-z?\-: ]{0,40}\Z"), max_size=20
    )
)
@settings(max_examples=100, deadline=None)
def test_text_that_looks_like_a_kit_is_a_kit_error(rows: list[str]) -> None:
    with pytest.raises(KitError):
        read_kit("\n".join(rows))


def test_an_endless_text_is_refused() -> None:
    with pytest.raises(KitError, match="far too long"):
        read_kit("0" * (1 << 17))


@given(count=st.integers(0, 12), length=st.integers(1, 200))
@settings(max_examples=100, deadline=None)
def test_as_many_seeds_as_fit_are_kept_in_their_order(count: int, length: int) -> None:
    long = KitEndpoint(f"{'h' * length}:80", bytes(16))
    offered = [long, *map(server, range(1, count + 1))]
    kit = make_kit(KIT.master, KIT.network, server(0), offered)
    kept = iter(offered)
    assert all(seed in kept for seed in kit.seeds)
    left = ENTRIES_BYTES - sum(s.entry_bytes for s in (kit.ledger, *kit.seeds))
    dropped = [seed for seed in offered if seed not in kit.seeds]
    assert all(seed.entry_bytes > left for seed in dropped)
    assert decode_kit(encode_kit(kit)) == kit


def test_a_ledger_whose_address_does_not_fit_is_refused() -> None:
    far = KitEndpoint("h" * 150 + ":80", bytes(16))
    with pytest.raises(KitError, match="too long"):
        make_kit(KIT.master, KIT.network, far, [])
    with pytest.raises(ValueError, match="room"):
        Kit(KIT.master, KIT.network, far)


@pytest.mark.parametrize("bad", ["", "host", ":80", "a b:80", "h:0", "h:65536", "é:1"])
def test_an_endpoint_is_host_and_port(bad: str) -> None:
    with pytest.raises(ValueError):
        KitEndpoint(bad, bytes(16))
    assert KitEndpoint("[2001:db8::1]:80", bytes(16)).entry_bytes == 34


def test_the_key_does_not_show_in_a_traceback() -> None:
    kit = Kit(b"\xab" * 32, KIT.network, server(1))
    assert "\\xab" not in repr(kit)
