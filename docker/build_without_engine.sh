#!/usr/bin/env bash
# Builds the image and runs it where no container engine can run: with buildah, whose
# chroot isolation needs no daemon and no namespaces, over a base made by debootstrap.
#
#   docker/build_without_engine.sh [DIRECTORY]     (default: build/container)
#
# It needs root, and Debian's buildah and debootstrap. MIRROR names another Debian
# mirror; CA_BUNDLE a file of certificate authorities that pip is to trust.
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$(realpath -m "${1:-build/container}")
mirror=${MIRROR:-http://deb.debian.org/debian}
base=localhost/holdfast-base
image=localhost/holdfast
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=chroot
store=(--root "$directory/storage" --runroot "$directory/run")
mkdir -p "$directory"

for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install $tool" >&2; exit 1; }
done

trust=()
if [ -n "${CA_BUNDLE:-}" ]; then
  trust=(--volume "$CA_BUNDLE:/etc/ssl/certs/ca-certificates.crt:ro"
         --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt)
fi

if ! buildah "${store[@]}" inspect --type image "$base" >/dev/null 2>&1; then
  if [ ! -e "$directory/base.done" ]; then
    rm -rf "$directory/base"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
      bookworm "$directory/base" "$mirror"
    touch "$directory/base.done"
  fi
  container=$(buildah "${store[@]}" from scratch)
  tar --directory "$directory/base" --create --file "$directory/base.tar" .
  buildah "${store[@]}" add "$container" "$directory/base.tar" /
  rm "$directory/base.tar"
  buildah "${store[@]}" commit --rm "$container" "$base"
fi

buildah "${store[@]}" bud "${trust[@]}" --build-arg "BASE=$base" --format docker \
  --file docker/Dockerfile --tag "$image" .

container=$(buildah "${store[@]}" from "$image")
trap 'buildah "${store[@]}" rm "$container" >/dev/null' EXIT
buildah "${store[@]}" run --user holdfast "$container" -- bash -s < docker/check_image.sh
echo "the image $image works"
