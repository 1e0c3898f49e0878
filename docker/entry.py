"""What a container does: `ledger`, `chain`, `vault`, or `client` with its arguments.

`chain` is the ledger on an EVM chain: it deploys the contracts of a development
network through a node, once, and then keeps its beacons.

Everything that must survive is in /data, a volume of this container alone. /network
is shared: there the ledger leaves the network's file, and every vault its
certificate, by which the others find it. Nothing in it is secret.

    HOLDFAST_ADDRESS        host:port to listen on and to be called by
    HOLDFAST_NETWORK_NAME   a new ledger's name          (default: compose)
    HOLDFAST_EPOCH_SECONDS  a new ledger's epochs        (default: 5)
    HOLDFAST_QUOTA          what a new vault offers      (default: 10GiB)
    HOLDFAST_RPC            the node of `chain`          (default: http://anvil:8545)
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from eth_account import Account

from holdfast.ledger.network_file import SEEDS_MAX, NetworkFile, SeedVault

BIN = Path(sys.executable).parent
DATA = Path(os.environ.get("HOLDFAST_DATA", "/data"))
SHARED = Path(os.environ.get("HOLDFAST_SHARED", "/network"))
NETWORK = SHARED / "network.json"
SEEDS = SHARED / "vaults"
ADDRESS = os.environ.get("HOLDFAST_ADDRESS") or f"{socket.gethostname()}:7000"
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 120.0


def program(name: str, *arguments: str) -> list[str]:
    return [str(BIN / name), *arguments]


def wait_for(path: Path) -> None:
    """Return when another container has written a file, or exit with a sentence."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            sys.exit(f"{path} is not there; does the ledger run and share {SHARED}?")
        time.sleep(LOOK_SECONDS)


def publish(source: Path, target: Path) -> None:
    """Copy a file so that others see all of it or nothing."""
    target.parent.mkdir(exist_ok=True)
    half = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, half)
    half.rename(target)


def run_until_stopped(command: list[str], source: Path, target: Path) -> int:
    """Run a server, publish what it writes, pass signals on; return its exit code."""
    source.unlink(missing_ok=True)
    server = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: server.send_signal(number))
    while server.poll() is None and not source.exists():
        time.sleep(LOOK_SECONDS)
    if source.exists():
        publish(source, target)
    return server.wait()


def ledger() -> int:
    directory = DATA / "ledger"
    if not directory.exists():
        name = os.environ.get("HOLDFAST_NETWORK_NAME", "compose")
        seconds = os.environ.get("HOLDFAST_EPOCH_SECONDS", "5")
        begin = ("init", "--dir", str(directory), "--name", name, "--development")
        subprocess.run(
            program("holdfast-ledger", *begin, "--epoch-seconds", seconds), check=True
        )
    serve = ("serve", "--dir", str(directory), "--endpoint", ADDRESS)
    command = program("holdfast-ledger", *serve)
    return run_until_stopped(command, directory / "network.json", NETWORK)


def chain() -> int:
    directory = DATA / "chain"
    keystore, passphrase = directory / "keystore.json", directory / "passphrase"
    account = ("--keystore", str(keystore), "--passphrase-file", str(passphrase))
    network = ("--network-file", str(directory / "network.json"))
    if not keystore.exists():
        make_account(keystore, passphrase)
    if not (directory / "network.json").exists():
        deploy = ("ledger", "deploy", "--development", "--finality-blocks", "0")
        rpc = ("--rpc", os.environ.get("HOLDFAST_RPC", "http://anvil:8545"))
        name = ("--name", os.environ.get("HOLDFAST_NETWORK_NAME", "compose"))
        epoch = ("--epoch-seconds", os.environ.get("HOLDFAST_EPOCH_SECONDS", "5"))
        words = (*deploy, *rpc, *name, *epoch, *account, *network)
        subprocess.run(program("holdfast", *words), check=True)
    publish(directory / "network.json", NETWORK)
    command = program("holdfast", "ledger", "beacons", *account, *network)
    os.execv(command[0], command)


def make_account(keystore: Path, passphrase: Path) -> None:
    """Write an account of our own: on a free chain it needs no ether."""
    words = secrets.token_hex(16)
    keystore.parent.mkdir(exist_ok=True)
    passphrase.touch(0o600)
    passphrase.write_text(words)
    half = keystore.with_suffix(".half")
    half.write_text(json.dumps(Account.encrypt(Account.create().key, words)))
    half.rename(keystore)


def vault() -> int:
    wait_for(NETWORK)
    directory = DATA / "vault"
    if not directory.exists():
        seeds = [f"--seed-peer={address}={path}" for address, path in known_vaults()]
        begin = ("init", "--dir", str(directory), "--network", str(NETWORK))
        offer = ("--quota", os.environ.get("HOLDFAST_QUOTA", "10GiB"))
        subprocess.run(
            program("holdfast-vault", *begin, *offer, "--endpoint", ADDRESS, *seeds),
            check=True,
        )
    certificate = directory / "tls.pem"
    publish(certificate, SEEDS / f"{ADDRESS}.pem")
    command = program("holdfast-vault", "run", "--dir", str(directory))
    os.execv(command[0], command)


def known_vaults() -> list[tuple[str, Path]]:
    paths = sorted(SEEDS.glob("*.pem")) if SEEDS.exists() else []
    return [(path.stem, path) for path in paths][:SEEDS_MAX]


def client(arguments: list[str]) -> int:
    """Run the client; it finds the ledger and all vaults in /data/network.json."""
    if NETWORK.exists():
        file = NetworkFile.load(NETWORK)
        seeds = tuple(
            SeedVault(address, path.read_bytes()) for address, path in known_vaults()
        )
        replace(file, seeds=seeds).save(DATA / "network.json")
    command = program("holdfast", *arguments)
    os.execv(command[0], command)


def main() -> int:
    match sys.argv[1:]:
        case ["ledger"]:
            return ledger()
        case ["chain"]:
            return chain()
        case ["vault"]:
            return vault()
        case ["client", *arguments]:
            return client(arguments)
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main())
