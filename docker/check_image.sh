#!/usr/bin/env bash
# Runs inside the image, as its user: a ledger and three vaults beside one another on
# loopback addresses, started and asked after their health as containers are. With
# HOLDFAST_RPC, a node of a chain, the ledger is on that chain.
set -euo pipefail
home=${HOLDFAST_IMAGE:-/opt/holdfast}
python=${HOLDFAST_PYTHON:-/opt/holdfast/bin/python}
work=$(mktemp -d)
servers=()
cleanup() {
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${servers[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
export HOLDFAST_SHARED=$work/network HOLDFAST_HOME=$work/home
mkdir "$HOLDFAST_SHARED"

as() {  # NUMBER COMMAND...: with the data and the address of that container
  local number=$1
  shift
  mkdir -p "$work/$number"
  HOLDFAST_DATA=$work/$number HOLDFAST_ADDRESS=127.0.0.1:$((port + number)) "$@"
}

port=$("$python" -c 'import random; print(random.randrange(20000, 30000, 10))')
first=$([ -n "${HOLDFAST_RPC:-}" ] && echo chain || echo ledger)
[ "$(id -u)" != 0 ] || { echo "the image runs as root" >&2; exit 1; }
for number in 0 1 2 3; do
  mkdir -p "$work/$number"
  role=$([ "$number" = 0 ] && echo "$first" || echo vault)
  HOLDFAST_DATA=$work/$number HOLDFAST_ADDRESS=127.0.0.1:$((port + number)) \
    "$python" "$home"/entry.py "$role" &
  servers+=($!)
done
for number in 0 1 2 3; do
  for _ in $(seq 90); do
    as "$number" "$python" "$home"/health.py >/dev/null 2>&1 && [ -e "$work/$number" ] &&
      [ -n "$(ls -A "$work/$number")" ] && break
    sleep 1
  done
  as "$number" "$python" "$home"/health.py || { echo "server $number is not healthy" >&2; exit 1; }
  echo "server $number is healthy"
done
as 4 "$python" "$home"/entry.py client version
