"""`@frozen` beside `dataclass(frozen=True, slots=True)`: nobody sees a difference."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.protocol.frozen import carrying, frozen

T = TypeVar("T")
library = dataclass(frozen=True, slots=True)


def point() -> type:
    class Point(Generic[T]):
        """A value of every kind of field."""

        KIND: ClassVar[int] = 7
        x: T
        name: str = field(repr=False)
        size: int = 3
        seen: int = field(default=0, compare=False)
        parts: list[int] = field(default_factory=list)

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("a size below nothing")

    return Point


def nothing() -> type:
    class Nothing:
        pass

    return Nothing


def own() -> type:
    class Own:
        a: int

        def __repr__(self) -> str:
            return "own"

        def __hash__(self) -> int:
            return 5

    return Own


# Each is of a class of its own, as the decorators write to what they decorate.
Theirs: Any = library(point())
Ours: Any = frozen(point())
NoneOfTheirs: Any = library(nothing())
NoneOfOurs: Any = frozen(nothing())
OwnTheirs: Any = library(own())
OwnOurs: Any = frozen(own())


@frozen
class Pair:
    left: int
    right: int = 0


@dataclass(frozen=True, slots=True)
class Longer(Pair):
    more: int = 0


points: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "x": st.integers(-2, 2) | st.text(max_size=1),
        "name": st.text(max_size=1),
        "size": st.integers(0, 2),
        "seen": st.integers(0, 1),
    }
)


@given(points, points)
def test_values_compare_hash_and_look_as_the_librarys(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    one |= {"parts": ()}
    other |= {"parts": ()}
    theirs, ours = Theirs(**one), Ours(**one)
    assert hash(ours) == hash(theirs)
    assert repr(ours) == repr(theirs)
    assert (ours == Ours(**other)) is (theirs == Theirs(**other))
    assert ours != theirs
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert dataclasses.replace(ours, size=9) == Ours(**{**one, "size": 9})


@pytest.mark.parametrize(
    "call",
    [
        lambda cls: cls(1, "a"),
        lambda cls: cls(1, "a", 2, 3, [4]),
        lambda cls: cls(1, name="a", parts=[1]),
        lambda cls: cls(),
        lambda cls: cls(1, "a", unknown=2),
        lambda cls: cls(1, "a", -1),
        lambda cls: hash(cls(1, "a")),
    ],
)
def test_calls_do_what_the_librarys_do(call: Callable[[Any], object]) -> None:
    assert _outcome(call, Ours) == _outcome(call, Theirs)


def _outcome(call: Callable[[Any], object], cls: Any) -> str:
    try:
        return repr(call(cls))
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def test_lists_made_by_default_are_not_shared() -> None:
    assert Ours(1, "a").parts is not Ours(1, "a").parts


def test_nothing_of_a_value_can_be_written_or_deleted() -> None:
    value = Ours(1, "a")
    for name in ("x", "size", "unknown"):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 2)
        with pytest.raises(FrozenInstanceError):
            delattr(value, name)
    assert value.x == 1
    assert not hasattr(value, "__dict__")


def test_values_are_copied_and_pickled() -> None:
    pair = Pair(1, 2)
    copies = (copy.copy(pair), copy.deepcopy(pair), pickle.loads(pickle.dumps(pair)))
    assert copies == (pair, pair, pair)


def test_a_value_without_fields_is_one() -> None:
    assert NoneOfOurs() == NoneOfOurs()
    assert hash(NoneOfOurs()) == hash(NoneOfTheirs())
    assert repr(NoneOfOurs()) == repr(NoneOfTheirs())


def test_methods_of_the_class_itself_stay() -> None:
    assert repr(OwnOurs(1)) == repr(OwnTheirs(1)) == "own"
    assert hash(OwnOurs(1)) == 5
    assert OwnOurs(1) == OwnOurs(1)


def test_the_library_extends_a_frozen_class() -> None:
    longer = Longer(1, 2, 3)
    assert (longer.left, longer.right, longer.more) == (1, 2, 3)
    assert longer != Pair(1, 2)
    with pytest.raises(FrozenInstanceError):
        longer.left = 2  # type: ignore[misc] # that is the point


def test_values_match_by_the_order_of_their_fields() -> None:
    match Pair(1, 2):
        case Pair(left, right):
            assert (left, right) == (1, 2)


def test_errors_carry_their_data_as_the_librarys_do() -> None:
    def refused() -> type[Exception]:
        class RefusedError(Exception):
            name: str
            count: int = 1

            def __str__(self) -> str:
                return f"{self.name} {self.count}"

        return RefusedError

    ours: Any = carrying(refused())
    theirs: Any = dataclass(eq=False)(refused())
    for error in (ours, theirs):
        assert str(error("a")) == "a 1"
        assert repr(error("a", count=2)).endswith("RefusedError(name='a', count=2)")
        assert error("a") != error("a")
        with pytest.raises(TypeError, match="missing 1 required positional"):
            error()
    assert ours("a", 2).args == theirs("a", 2).args
    assert dataclasses.asdict(ours("a")) == {"name": "a", "count": 1}


def test_defining_a_class_compiles_nothing() -> None:
    program = (
        "import builtins, dataclasses\n"
        "from holdfast.protocol.frozen import frozen\n"
        "def refuse(*_): raise AssertionError('compiled')\n"
        "real, builtins.exec = exec, refuse\n"
        "@frozen\n"
        "class Pair:\n"
        "    left: int\n"
        "    right: int = 0\n"
        "builtins.exec = real\n"
        "assert Pair(1).right == 0\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
