#!/usr/bin/env bash
# Puts anvil, the EVM node that tests use, into build/anvil. Without npm nothing
# happens, and the tests that need it are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=1.7.1
FOLDER=build/anvil

if [ -f "$FOLDER/$VERSION" ]; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is missing, so nothing is tested on anvil" >&2
    exit 0
fi
mkdir -p "$FOLDER"
echo '{"private": true}' >"$FOLDER/package.json"
npm install --prefix "$FOLDER" --no-audit --no-fund --silent "@foundry-rs/anvil@$VERSION"
touch "$FOLDER/$VERSION"
