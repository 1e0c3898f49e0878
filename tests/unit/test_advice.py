"""Every error the command line advises on exists, and is an expected one."""

import importlib
import pkgutil

import holdfast.client
import holdfast.ledger
from holdfast.client.advice import ADVICE
from holdfast.protocol.errors import HoldfastError


def _expected_errors(kind: type[HoldfastError] = HoldfastError) -> set[str]:
    names = {kind.__name__}
    for below in kind.__subclasses__():
        names |= _expected_errors(below)
    return names


def test_every_error_with_advice_exists() -> None:
    for package in (holdfast.client, holdfast.ledger):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    assert set(ADVICE) <= _expected_errors()


def test_kinds_are_names_that_a_program_can_rely_on() -> None:
    assert all(advice.kind.replace("_", "").islower() for advice in ADVICE.values())
