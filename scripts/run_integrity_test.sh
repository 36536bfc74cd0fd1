#!/usr/bin/env bash
# The integrity test of a running studio: 5 services, 100 workflows each, 5 rounds in flight.
# The studio is named by the environment:
#   E2E_STORE_ENDPOINT           OTLP endpoint (localhost:26155)
#   E2E_STORE_INTERNAL_ENDPOINT  internal endpoint (localhost:50052); without it the test waits for the WAL timer
#   E2E_STORE_DATA_DIR           its data directory (.dbdata)
#   JUNJO_API_KEY, JUNJO_INTERNAL_GRPC_TOKEN
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
export E2E_STORE_ENDPOINT=${E2E_STORE_ENDPOINT:-localhost:26155}
export E2E_STORE_DATA_DIR=${E2E_STORE_DATA_DIR:-.dbdata}
run=(cargo run --quiet --locked --manifest-path "$here/Cargo.toml" --)
if [ -n "${E2E_STORE_BIN:-}" ]; then run=("$E2E_STORE_BIN"); fi
exec "${run[@]}" verify --num-services 5 --workflows-per-service 100 --concurrency 5 "$@"
