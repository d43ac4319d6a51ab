#!/usr/bin/env bash
# Measures how long each function takes from its start to its first poll, with TLS, and how large it is, and fails above limits.
#
#   tests/cold.sh [--functions FOLDER] [--most-ms 30] [--most-mb 8] [--rounds 11] [NAME…]
#
# Without --functions the release binaries are built as they are deployed, which takes minutes the first time. FOLDER has them under their own names, or
# as <name>/bootstrap. NAMEs are functions; without any, all are measured. It needs a Rust toolchain, a C compiler and Python 3.11; nothing is called.
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
    -*) echo "cold.sh: $1 is no option" >&2 && exit 2 ;;
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
