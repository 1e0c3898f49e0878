"""A ledger's TLS identity: a key for its owner only, a certificate for everybody."""

from holdfast.ledger.directory import LedgerDirectory
from holdfast.ledger.errors import LedgerFileError
from holdfast.ledger.network_file import write_whole
from holdfast.wire.rpc import TlsIdentity, make_certificate


def tls_identity(directory: LedgerDirectory) -> TlsIdentity:
    """Return the directory's identity, made on first use, or raise LedgerFileError."""
    key, certificate = directory.path / "tls.key", directory.path / "tls.pem"
    if not (key.exists() and certificate.exists()):
        made = make_certificate()
        write_whole(key, made.key_pem, 0o600)
        write_whole(certificate, made.certificate_pem, 0o644)
    try:
        return TlsIdentity(key.read_bytes(), certificate.read_bytes())
    except OSError as error:
        raise LedgerFileError(str(key), str(error.strerror)) from error
