"""Exits with 0 if the server of this container serves: gRPC's own health check."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from holdfast.ledger.network_file import NetworkFile
from holdfast.wire import rpc

DATA = Path(os.environ.get("HOLDFAST_DATA", "/data"))
ADDRESS = os.environ.get("HOLDFAST_ADDRESS") or f"{socket.gethostname()}:7000"
SECONDS = 4.0


def certificate() -> bytes:
    if (DATA / "ledger").exists():
        return NetworkFile.load(DATA / "ledger" / "network.json").certificate
    return (DATA / "vault" / "tls.pem").read_bytes()


async def serving() -> bool:
    async with rpc.connect(ADDRESS, certificate()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest()
        reply = await stub.Check(request, timeout=SECONDS)
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def main() -> int:
    if (DATA / "chain").exists():
        return 0 if (DATA / "chain" / "network.json").exists() else 1
    if not (DATA / "ledger").exists() and not (DATA / "vault").exists():
        return 0  # a client serves nothing
    try:
        return 0 if asyncio.run(serving()) else 1
    except (grpc.aio.AioRpcError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
