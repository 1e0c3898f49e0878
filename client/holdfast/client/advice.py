"""For each expected error by name: its exit code and what the user does next.

By name, because these classes live in parts that a command may never import. A
test holds every name here against the classes that exist.
"""

from dataclasses import dataclass
from typing import Final

from holdfast.client.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class Advice:
    """How a kind of error ends the command; `kind` is its stable name in JSON."""

    kind: str
    code: ExitCode
    next_step: str


_OTHER_WAY: Final = (
    "try again; if the passphrase is lost, `holdfast recover` takes the 24 words"
)

ADVICE: Final = {
    "WrongPassphraseError": Advice(
        "wrong_passphrase", ExitCode.WRONG_PASSPHRASE, _OTHER_WAY
    ),
    "PassphraseUnreadableError": Advice(
        "no_passphrase",
        ExitCode.WRONG_PASSPHRASE,
        "set HOLDFAST_PASSPHRASE, or name a file with --passphrase-file",
    ),
    "PhraseError": Advice(
        "wrong_phrase",
        ExitCode.WRONG_PASSPHRASE,
        "compare the 24 words with what you wrote down, in their order",
    ),
    "UnreadableAmountError": Advice(
        "unreadable_amount", ExitCode.USAGE, "write it as the message says"
    ),
}
