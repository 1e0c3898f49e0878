"""`@frozen`: `dataclass(frozen=True, slots=True)`, ready much sooner; errors, too.

The library compiles six methods of each class while it is defined. Hundreds of classes
were a third of what a command computed before it did anything. So here three methods
are compiled when they are first called, and the others are shared. See docs/adr/0013.
"""

import dataclasses
from collections.abc import Callable, Iterable
from types import MemberDescriptorType
from typing import Any, Final, TypeVar, dataclass_transform

T = TypeVar("T")
E = TypeVar("E", bound=Exception)
Method = Callable[..., Any]


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def frozen(cls: type[T]) -> type[T]:
    """Return the class as a frozen dataclass with slots; methods it has, it keeps.

    All fields are arguments of `__init__`. A class that inherits from a frozen one is
    made by `dataclass(frozen=True, slots=True)`.
    """
    if cls.__doc__ is None:
        cls.__doc__ = cls.__name__  # the library would compute a signature
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    vars(made)["__dataclass_params__"].frozen = True
    own = vars(cls)
    for name, method in _SHARED.items():
        if name not in own:
            setattr(made, name, method)
    for name, write in _COMPILED.items():
        if name not in own:
            setattr(made, name, _later(made, name, write))
    return made


@dataclass_transform(eq_default=False, field_specifiers=(dataclasses.field,))
def carrying(cls: type[E]) -> type[E]:
    """Return an error's class as `dataclass(eq=False)` does: its data are fields."""
    made = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    own = vars(cls)
    for name, method in (("__init__", _later(made, "__init__", _init)), _SHOWN):
        if name not in own:
            setattr(made, name, method)
    return made


def _later(
    cls: type, name: str, write: Callable[[type, dict[str, Any]], str]
) -> Method:
    """Return a method that at its first call puts the compiled one in its place.

    Threads that call it at once put equal ones there.
    """

    def first(*arguments: object, **named: object) -> object:
        space: dict[str, Any] = {}
        exec(write(cls, space), space)  # noqa: S102 # of fields' names, as the library
        method: Method = space[name]
        method.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, method)
        return method(*arguments, **named)

    return first


def _init(cls: type, space: dict[str, Any]) -> str:
    """Return the text of `__init__`; where there are slots, it writes through them."""
    space["missing"] = dataclasses.MISSING
    arguments, lines = ["self"], []
    for field in dataclasses.fields(cls):
        name = field.name
        assert field.init, f"{name}: all fields of a frozen class are given"
        slot = getattr(cls, name, None)
        if isinstance(slot, MemberDescriptorType):
            space[f"set_{name}"] = slot.__set__
            line = f" set_{name}(self, GIVEN)"
        else:
            line = f" self.{name} = GIVEN"
        given = name
        if field.default_factory is not dataclasses.MISSING:
            space[f"make_{name}"] = field.default_factory
            arguments.append(f"{name}=missing")
            given = f"make_{name}() if {name} is missing else {name}"
        elif field.default is not dataclasses.MISSING:
            space[f"default_{name}"] = field.default
            arguments.append(f"{name}=default_{name}")
        else:
            arguments.append(name)
        lines.append(line.replace("GIVEN", given))
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    return "\n".join([f"def __init__({', '.join(arguments)}):", *(lines or [" pass"])])


def _eq(cls: type, _space: dict[str, Any]) -> str:
    return (
        "def __eq__(self, other):\n"
        " if other.__class__ is self.__class__:\n"
        f"  return {_tuple(cls, 'self')} == {_tuple(cls, 'other')}\n"
        " return NotImplemented"
    )


def _hash(cls: type, _space: dict[str, Any]) -> str:
    return f"def __hash__(self):\n return hash({_tuple(cls, 'self')})"


def _tuple(cls: type, of: str) -> str:
    compared = (f"{of}.{name}," for name in _names(cls, lambda field: field.compare))
    return f"({' '.join(compared)})"


def _names(
    what: Any,  # noqa: ANN401 # a frozen class or a value of one
    chosen: Callable[["dataclasses.Field[Any]"], bool] = lambda _: True,
) -> Iterable[str]:
    return (field.name for field in dataclasses.fields(what) if chosen(field))


def _repr(self: object) -> str:
    shown = _names(self, lambda field: field.repr)
    pairs = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({pairs})"


def _refuse_to_set(_self: object, name: str, _content: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: object) -> list[object]:
    return [getattr(self, name) for name in _names(self)]


def _set_state(self: object, state: list[object]) -> None:
    for name, content in zip(_names(self), state, strict=True):
        object.__setattr__(self, name, content)


_COMPILED: Final = {"__init__": _init, "__eq__": _eq, "__hash__": _hash}
_SHOWN: Final = ("__repr__", _repr)
_SHARED: Final[dict[str, Method]] = {
    **dict([_SHOWN]),
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _set_state,
}
