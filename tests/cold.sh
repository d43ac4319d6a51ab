#!/usr/bin/env bash
# Measures the time from process start to first poll, with TLS, and the size of each function. Fails
# if a limit is exceeded.
#
#   tests/cold.sh [--functions FOLDER] [--most-ms 30] [--most-mb 8] [--rounds 11] [NAME…]
#
# Without --functions, builds the release binaries as deployed, which takes minutes the first time.
# FOLDER contains the binaries as <name> or <name>/bootstrap. Measures the functions NAME, by
# default all. Requires a Rust toolchain, a C compiler and Python 3.11. Makes no network calls.
set -euo pipefail

here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
functions=(clever-webhook nightly-pull oneroster-import reconcile roster-api)

folder=
names=()
limits=()
while (($#)); do
    case $1 in
    --functions) folder=$(cd "$here" && realpath "${2:?--functions needs a folder}") && shift 2 ;;
    --most-ms | --most-mb | --rounds) limits+=("$1" "${2:?$1 needs a number}") && shift 2 ;;
    -*) echo "cold.sh: unknown option $1" >&2 && exit 2 ;;
    *) names+=("$1") && shift ;;
    esac
done

if [[ -z $folder ]]; then
    packages=()
    for name in "${names[@]:-${functions[@]}}"; do packages+=(--package "$name"); done
    cargo build --release --locked "${packages[@]}"
    folder=$target/release
fi
exec python3 tests/deploy/cold.py "${limits[@]}" "$folder" "${names[@]}"
