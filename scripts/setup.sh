#!/usr/bin/env bash
# Checks that this machine can build, and says what is missing. Nothing else is needed: no protoc, no services.
set -euo pipefail
cd "$(dirname "$0")/.."
need() {
    command -v "$1" >/dev/null || { echo "error: \`$1\` is missing; $2" >&2; exit 2; }
}
need cargo "install Rust with rustup: https://rustup.rs"
need cc "install a C compiler (Debian: apt-get install gcc)"
cargo fetch --locked --quiet
