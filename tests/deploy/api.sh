#!/usr/bin/env bash
# Tests the API against its description, functions/roster-api/openapi.yaml. The real function runs
# on the local stack with a synthetic district. For each role, schemathesis sends valid and invalid
# requests. Fails on a 5xx response, and on any response that the description does not contain.
#
#   tests/deploy/api.sh [SECONDS]     test duration for each of the eight roles (default 20)
#
# Requires a Rust toolchain, a C compiler and Python 3.11 with venv. Installs everything else into
# target/. Stops all processes that it starts.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-20}
target=${CARGO_TARGET_DIR:-$PWD/target}
[[ $target == /* ]] || target=$PWD/$target
tools=$target/deploy/api
description=$PWD/functions/roster-api/openapi.yaml

if [[ $(cat "$tools/.made-of" 2>/dev/null) != "$(cksum <tests/deploy/api.txt)" ]]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement tests/deploy/api.txt
    cksum <tests/deploy/api.txt >"$tools/.made-of"
fi

# The command of the test step: `cargo build` would select other features of the SDK and compile it
# again.
cargo test --quiet --workspace --no-run
rollbook=$target/debug/rollbook

work=$(mktemp -d)
served=
cleanup() {
    local status=$?
    trap - EXIT INT TERM
    if [[ -n $served ]]; then
        kill "$served" 2>/dev/null || true
        wait "$served" 2>/dev/null || true
    fi
    if [[ $status -ne 0 && -f $work/data/logs/roster-api.log ]]; then
        printf '\n== errors in the log of roster-api\n'
        grep -E '"(ERROR|WARN)"' "$work/data/logs/roster-api.log" | tail -n 20 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

here=(--data "$work/data" --functions "$target/debug")
"$target/debug/make-district" --students 60 --out "$work/night.zip" >/dev/null
"$rollbook" import "${here[@]}" --district oak --preset family-directory --set demographics=mirror --set manual_rostering=teachers \
    --date 2026-10-15 "$work/night.zip" >/dev/null
records() {
    local kind
    for kind in school class student teacher guardian run; do
        "$rollbook" show --data "$work/data" --district oak "$kind" | sed "s/^/[\"$kind\",/; s/\$/]/"
    done
}
records >"$work/records"
"$tools/bin/python" tests/deploy/api.py "$work/schemathesis.toml" <"$work/records"
first() { "$tools/bin/python" -c '
import json, sys
print(next(record["id"] for kind, record in map(json.loads, open(sys.argv[1])) if kind == sys.argv[2]))' "$work/records" "$1"; }
school=$(first school) teacher=$(first teacher) guardian=$(first guardian)

"$rollbook" serve "${here[@]}" >"$work/served" 2>&1 &
served=$!
for _ in $(seq 100); do
    grep -q '^  API' "$work/served" && break
    kill -0 "$served" 2>/dev/null || { cat "$work/served"; exit 1; }
    sleep 0.1
done
url=$(awk '$1 == "API" { print $2; exit }' "$work/served")

ask() {
    local role=$1 token
    shift
    token=$("$rollbook" token --data "$work/data" --district oak --role "$role" --hours 1 "$@")
    printf '\n== as %s\n' "$role"
    # Schemathesis stores files in the current folder.
    (cd "$work" && "$tools/bin/schemathesis" --config-file schemathesis.toml run "$description" --url "$url" \
        --header "Authorization: Bearer $token" --max-time "$seconds" --seed 1 --phases examples,coverage,fuzzing \
        --generation-database none --warnings off --no-color)
}
ask guardian --record "$guardian"
ask teacher --school "$school" --record "$teacher"
ask school_leader --school "$school"
ask users_manager
ask application
ask support
ask district_leader
ask operator
echo "PASS no 5xx, and only responses that the description contains"
