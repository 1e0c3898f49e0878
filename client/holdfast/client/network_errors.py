"""What can go wrong between the client and the network, as a person should read it."""

from collections.abc import Sequence
from enum import Enum

from holdfast.protocol.errors import HoldfastError
from holdfast.protocol.units import DealId, Grains, VaultId


class NetworkError(HoldfastError):
    """The network cannot do now what was asked of it."""


class VaultUnreachableError(NetworkError):
    """A vault does not answer."""

    def __init__(self, vault: VaultId, reason: str) -> None:
        super().__init__(f"vault {vault.hex()[:16]} does not answer: {reason}")
        self.vault = vault
        self.reason = reason


class Refusal(Enum):
    """Why a vault refused, by its status code."""

    INPUT = "it rejects the request"
    AUTHORITY = "it does not accept our authority"
    UNKNOWN = "it does not know that deal"
    FULL = "it has no room"
    STATE = "it is not the time for it"
    BUSY = "it cannot do its work now"
    BROKEN = "it failed"


class VaultRefusedError(NetworkError):
    """A vault answered, and refused."""

    def __init__(self, vault: VaultId, refusal: Refusal, text: str) -> None:
        super().__init__(f"vault {vault.hex()[:16]} refuses: {text or refusal.value}")
        self.vault = vault
        self.refusal = refusal
        self.text = text


class VaultMisbehavedError(NetworkError):
    """A vault answered with something that cannot be true."""

    def __init__(self, vault: VaultId, what: str) -> None:
        super().__init__(f"vault {vault.hex()[:16]} {what}")
        self.vault = vault
        self.what = what


class NoSeedAnswersError(NetworkError):
    """None of the vaults that the client knows of answers."""

    def __init__(self, asked: int) -> None:
        super().__init__(
            f"none of the {asked} vaults known here answers; start the network, or "
            "get a newer network file from somebody who is in it"
        )
        self.asked = asked


class TooFewVaultsError(NetworkError):
    """Not enough vaults offer to hold a deal."""

    def __init__(self, needed: int, offered: int, reasons: Sequence[str] = ()) -> None:
        why = f" ({'; '.join(reasons[:3])})" if reasons else ""
        super().__init__(
            f"a deal needs {needed} vaults and {offered} offer to hold it{why}; "
            "nothing was spent; wait for more vaults, or ask for less"
        )
        self.needed = needed
        self.offered = offered
        self.reasons = tuple(reasons)


class BalanceShortError(NetworkError):
    """The account cannot pay for what was asked."""

    def __init__(self, needed: Grains, has: Grains, needed_text: str) -> None:
        super().__init__(needed_text)
        self.needed = needed
        self.has = has


class DealUnreadableError(NetworkError):
    """Fewer than k holders of a deal answer."""

    def __init__(
        self, deal: DealId, needed: int, answered: int, missing: Sequence[VaultId]
    ) -> None:
        names = ", ".join(vault.hex()[:16] for vault in missing)
        super().__init__(
            f"deal {deal.hex()[:16]} needs {needed} holders and {answered} answer; "
            f"missing: {names}; try again when more of them are back"
        )
        self.deal = deal
        self.needed = needed
        self.answered = answered
        self.missing = tuple(missing)


class DealUnwritableError(NetworkError):
    """A deal takes nothing new while one of its holders is away."""

    def __init__(self, deal: DealId, missing: Sequence[VaultId]) -> None:
        names = ", ".join(vault.hex()[:16] for vault in missing)
        super().__init__(
            f"deal {deal.hex()[:16]} takes nothing new while holders are away: {names}"
        )
        self.deal = deal
        self.missing = tuple(missing)


class DealUnknownError(NetworkError):
    """The account has no deal of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"this account has no deal {name!r}; see `holdfast deal list`")
        self.name = name


class UploadFailedError(NetworkError):
    """No deal could take what was to be uploaded."""


class StateMovedError(NetworkError):
    """Another client committed a newer state meanwhile; internal to sessions."""


class OtherWriterError(NetworkError):
    """Another client writes to the same deals all the time."""


class ProfileError(HoldfastError):
    """The profile's files cannot be used."""


class ProfileMissingError(ProfileError):
    """There is no profile here yet."""


class ProfileExistsError(ProfileError):
    """There is a profile here already, and it is not overwritten."""
