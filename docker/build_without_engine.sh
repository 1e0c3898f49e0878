#!/usr/bin/env bash
# Builds the image and runs it where no container engine can run: with buildah, whose
# chroot isolation needs no daemon and no namespaces, over a base made by debootstrap.
#
#   docker/build_without_engine.sh [DIRECTORY]     (default: build/container)
#
# It needs root, and Debian's buildah and debootstrap. MIRROR names another Debian
# mirror; CA_BUNDLE a file of certificate authorities that pip and npm are to trust.
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$(realpath -m "${1:-build/container}")
mirror=${MIRROR:-http://deb.debian.org/debian}
base=localhost/holdfast-base
image=localhost/holdfast
node=localhost/holdfast-node
anvil=localhost/holdfast-anvil
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=chroot
store=(--root "$directory/storage" --runroot "$directory/run")
mkdir -p "$directory"

for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install $tool" >&2; exit 1; }
done

trust=()
if [ -n "${CA_BUNDLE:-}" ]; then
  bundle=/etc/ssl/certs/ca-certificates.crt
  trust=(--volume "$CA_BUNDLE:$bundle:ro" --env "PIP_CERT=$bundle" --env "NODE_EXTRA_CA_CERTS=$bundle")
fi

has() {
  buildah "${store[@]}" inspect --type image "$1" >/dev/null 2>&1
}

make_base() {  # a minimal Debian with Python
  local folder=$directory/base container
  if [ ! -e "$folder.done" ]; then
    rm -rf "$folder"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
      bookworm "$folder" "$mirror"
    touch "$folder.done"
  fi
  container=$(buildah "${store[@]}" from scratch)
  tar --directory "$folder" --create --file "$folder.tar" .
  buildah "${store[@]}" add "$container" "$folder.tar" /
  rm "$folder.tar"
  buildah "${store[@]}" commit --rm "$container" "$base"
}

make_node() {  # the same with npm
  local container
  container=$(buildah "${store[@]}" from "$base")
  buildah "${store[@]}" run "$container" -- sh -c \
    'apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends npm'
  buildah "${store[@]}" commit --rm "$container" "$node"
}

build() {  # IMAGE BASE DOCKERFILE CONTEXT
  buildah "${store[@]}" bud "${trust[@]}" --build-arg "BASE=$2" --format docker \
    --file "$3" --tag "$1" "$4"
}

has "$base" || make_base
build "$image" "$base" docker/Dockerfile .
container=$(buildah "${store[@]}" from "$image")
trap 'buildah "${store[@]}" rm "$container" >/dev/null' EXIT
buildah "${store[@]}" run --user holdfast "$container" -- bash -s < docker/check_image.sh
echo "the image $image works"

has "$node" || make_node
build "$anvil" "$node" docker/anvil.Dockerfile docker
chain=$(buildah "${store[@]}" from "$anvil")
port=$(python3 -c 'import random; print(random.randrange(30000, 32000))')
# The chroot shares our network: the node is at a loopback address of ours.
buildah "${store[@]}" run --user anvil "$chain" -- \
  anvil.sh --host 127.0.0.1 --port "$port" &
running=$!
trap 'kill "$running"; wait "$running" || true
  buildah "${store[@]}" rm "$container" "$chain" >/dev/null' EXIT
buildah "${store[@]}" run --user holdfast --env "HOLDFAST_RPC=http://127.0.0.1:$port" \
  "$container" -- bash -s < docker/check_image.sh
echo "the image $image works on the chain of $anvil"
