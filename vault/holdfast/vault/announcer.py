"""Our own record: made when something in it changes, numbered, and spread."""

from collections.abc import Callable
from typing import Final

from holdfast.protocol.keys import NodeKeys
from holdfast.protocol.record import VAULT_RECORD, SignedRecord, VaultRecord
from holdfast.protocol.units import AccountId, Grains, NetworkId, VaultId
from holdfast.vault.ports import Clock

FREE_STEPS: Final = 64


class Announcer:
    """Makes the vault's signed record; `record` is the newest."""

    def __init__(
        self,
        keys: NodeKeys,
        network: NetworkId,
        account: AccountId,
        certificate: bytes,
        price: Grains,
        quota_bytes: int,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._network = network
        self._account = account
        self._certificate = certificate
        self._price = price
        self._step = max(quota_bytes // FREE_STEPS, 1)
        self._clock = clock
        self.record: SignedRecord | None = None

    @property
    def vault(self) -> VaultId:
        """The vault's id."""
        return self._keys.vault_id

    def announce(
        self,
        endpoint: str,
        free_bytes: int,
        seen_sequence: int,
        publish: Callable[[SignedRecord], None],
    ) -> None:
        """Publish a new record if the last one is not true any more.

        `seen_sequence` is the newest that anybody has: an earlier life of this
        vault may have signed more than this disk knows.
        """
        # Coarse, so that an upload does not send a record round with every chunk.
        free = free_bytes // self._step * self._step
        last = self.record.value if self.record else None
        sequence = max(seen_sequence, last.sequence if last else 0)
        if last and last.sequence == sequence:
            same = (last.endpoints, last.free_bytes) == ((endpoint,), free)
            if same and (last.ask_price, last.certificate) == (
                self._price,
                self._certificate,
            ):
                return
        record = VaultRecord(
            identity_key=self._keys.identity.public,
            box_key=bytes(self._keys.box.public_key),
            bls_key=self._keys.bls_public,
            account=self._account,
            endpoints=(endpoint,),
            certificate=self._certificate,
            ask_price=self._price,
            free_bytes=free,
            sequence=max(sequence + 1, int(self._clock.now())),
        )
        signed = VAULT_RECORD.sign(record, self._network, self._keys.identity)
        self.record = signed
        publish(signed)
