"""For each expected error by name: its exit code and what the user does next.

By name, because these classes live in parts that a command may never import. A
test holds every name here against the classes that exist. A next step is empty
where the error's own text says it.
"""

from typing import Final

from holdfast.client.exit_codes import ExitCode
from holdfast.protocol.frozen import frozen


@frozen
class Advice:
    """How a kind of error ends the command; `kind` is its stable name in JSON."""

    kind: str
    code: ExitCode
    next_step: str = ""


_ETHER: Final = (
    "`holdfast wallet pay-in --ether 0.1 --keystore FILE`, or, for a network that "
    "`network up --rpc` made, `holdfast network fund ACCOUNT`"
)
_FAUCET: Final = (
    "`holdfast wallet faucet` gives tokens in a development network; elsewhere "
    "transfer some to `holdfast wallet address`"
)
_OTHER_WAY: Final = "`holdfast --home OTHER recover` makes a profile from the phrase"
_LOGS: Final = "look into the log it names, then run `holdfast network up` again"

ADVICE: Final = {
    # who you are
    "ProfileMissingError": Advice("no_profile", ExitCode.NO_PROFILE),
    "ProfileExistsError": Advice(
        "profile_exists",
        ExitCode.FAILED,
        "use it, or choose another folder with --home",
    ),
    "NetworkFileMissingError": Advice(
        "no_network_file",
        ExitCode.NOT_FOUND,
        "name a network's file with --network, or start a network on this machine "
        "with `holdfast network up`",
    ),
    "WrongPassphraseError": Advice(
        "wrong_passphrase", ExitCode.WRONG_PASSPHRASE, _OTHER_WAY
    ),
    "KeyFileError": Advice("key_file", ExitCode.FAILED),
    "PassphraseUnreadableError": Advice(
        "no_passphrase",
        ExitCode.WRONG_PASSPHRASE,
        "set HOLDFAST_PASSPHRASE, or name a file with --passphrase-file",
    ),
    "NewPassphraseUnreadableError": Advice(
        "no_passphrase",
        ExitCode.WRONG_PASSPHRASE,
        "set HOLDFAST_NEW_PASSPHRASE, or name a file with --new-passphrase-file",
    ),
    "SettingsError": Advice(
        "settings",
        ExitCode.USAGE,
        "correct the file; `holdfast COMMAND --help` names what a command takes",
    ),
    "TimetableError": Advice("timetable", ExitCode.FAILED),
    "PhraseError": Advice(
        "wrong_phrase",
        ExitCode.WRONG_PASSPHRASE,
        "compare the 24 words with what you wrote down, in their order",
    ),
    "KitError": Advice("unreadable_kit", ExitCode.WRONG_PASSPHRASE),
    "ShareError": Advice("unreadable_shares", ExitCode.WRONG_PASSPHRASE),
    "KitNetworkError": Advice("wrong_network", ExitCode.UNREACHABLE),
    "KitFileError": Advice("kit_file", ExitCode.FAILED),
    "KitServerError": Advice(
        "kit_server",
        ExitCode.UNREACHABLE,
        "ask anyone who uses the network for its file, and add --network FILE",
    ),
    # the network
    "LedgerUnreachableError": Advice("ledger_unreachable", ExitCode.UNREACHABLE),
    "WrongNetworkError": Advice("wrong_network", ExitCode.UNREACHABLE),
    "NoSeedAnswersError": Advice("vaults_unreachable", ExitCode.UNREACHABLE),
    "VaultUnreachableError": Advice(
        "vault_unreachable", ExitCode.UNREACHABLE, "run the command again later"
    ),
    "DealUnwritableError": Advice("deal_unwritable", ExitCode.UNREACHABLE),
    "TooFewVaultsError": Advice("too_few_vaults", ExitCode.TOO_FEW_VAULTS),
    "VaultRefusedError": Advice("vault_refused", ExitCode.REFUSED),
    "UploadFailedError": Advice("upload_failed", ExitCode.UNREACHABLE),
    "OtherWriterError": Advice("other_writer", ExitCode.REFUSED),
    "HistoryConflictError": Advice("other_writer", ExitCode.REFUSED),
    # tokens
    "BalanceTooLowError": Advice("balance_too_low", ExitCode.BALANCE_TOO_LOW, _FAUCET),
    "BalanceShortError": Advice("balance_too_low", ExitCode.BALANCE_TOO_LOW, _FAUCET),
    "GasMissingError": Advice("gas_missing", ExitCode.BALANCE_TOO_LOW, _ETHER),
    "EtherMissingError": Advice("ether_missing", ExitCode.BALANCE_TOO_LOW),
    "PayerMissingError": Advice("payer_missing", ExitCode.BALANCE_TOO_LOW),
    "PolicyError": Advice("renewal_policy", ExitCode.FAILED),
    "BillError": Advice("bill_untrue", ExitCode.UNTRUE),
    "LedgerFileError": Advice("ledger_file", ExitCode.NOT_FOUND),
    "AddressTextError": Advice("unreadable_address", ExitCode.USAGE),
    "UnreadableAmountError": Advice("unreadable_amount", ExitCode.USAGE),
    "LedgerError": Advice("ledger_refused", ExitCode.REFUSED),
    # what was asked for
    "CertificateError": Advice("certificate_invalid", ExitCode.UNTRUE),
    "CertificateFileError": Advice("certificate_file", ExitCode.FAILED),
    "NotWholeError": Advice("snapshot_not_whole", ExitCode.DATA_UNAVAILABLE),
    "SubsetError": Advice("unreadable_subset", ExitCode.USAGE),
    "DealUnknownError": Advice("deal_unknown", ExitCode.NOT_FOUND),
    "SnapshotUnknownError": Advice(
        "snapshot_unknown", ExitCode.NOT_FOUND, "`holdfast snapshots` lists them all"
    ),
    "PathUnknownError": Advice(
        "path_unknown", ExitCode.NOT_FOUND, "`holdfast ls SNAPSHOT` lists what is there"
    ),
    "ObjectUnknownError": Advice("object_unknown", ExitCode.NOT_FOUND),
    "NothingToBackUpError": Advice(
        "nothing_to_back_up", ExitCode.NOT_FOUND, "check the paths"
    ),
    "NothingKeptError": Advice(
        "nothing_kept",
        ExitCode.REFUSED,
        "add --keep-last 1, or name the snapshots that shall go",
    ),
    "MountUnavailableError": Advice("no_fuse", ExitCode.FAILED),
    "MountFailedError": Advice(
        "mount_failed",
        ExitCode.FAILED,
        "`holdfast restore` brings files back without a mount",
    ),
    "PatternError": Advice(
        "unreadable_pattern",
        ExitCode.USAGE,
        "write it as in a .gitignore; a backslash stands before a sign that is meant",
    ),
    "StreamSpentError": Advice(
        "stream_spent",
        ExitCode.REFUSED,
        "run the whole pipeline again; what was sent is not sent twice",
    ),
    "ChunkUnavailableError": Advice(
        "data_unavailable",
        ExitCode.DATA_UNAVAILABLE,
        "run the command again when more vaults are back",
    ),
    "DealUnreadableError": Advice("data_unavailable", ExitCode.DATA_UNAVAILABLE),
    "NoRoomError": Advice(
        "disk_full",
        ExitCode.DISK_FULL,
        "make room, or set TMPDIR to a directory on a larger disk",
    ),
    "CaseFileError": Advice("case_file", ExitCode.UNTRUE),
    "NoCaseError": Advice("no_case", ExitCode.NOT_FOUND),
    "NothingToDrillError": Advice(
        "nothing_to_drill", ExitCode.NOT_FOUND, "name a snapshot that holds files"
    ),
    "DrillReceiptError": Advice("receipt_untrue", ExitCode.UNTRUE),
    "AuditedNameError": Advice(
        "name_unknown",
        ExitCode.NOT_FOUND,
        "`holdfast audit epoch latest` lists all vaults; a deal may be named in full",
    ),
    # the network on this machine
    "VaultUnknownError": Advice(
        "vault_unknown", ExitCode.NOT_FOUND, "`holdfast network status` lists them all"
    ),
    "NoLocalNetworkError": Advice(
        "no_local_network",
        ExitCode.NETWORK_FAILED,
        "`holdfast network up` starts one",
    ),
    "ProgramFailedError": Advice("program_failed", ExitCode.NETWORK_FAILED, _LOGS),
    "NotReadyError": Advice(
        "not_ready",
        ExitCode.NETWORK_FAILED,
        "look into the logs, or run `holdfast network up` again and wait on",
    ),
    "LocalNetworkError": Advice("local_network", ExitCode.NETWORK_FAILED),
    "ProgramMissingError": Advice(
        "program_missing", ExitCode.NETWORK_FAILED, "install Holdfast again"
    ),
}
