#!/usr/bin/env bash
# Measures nights of a synthetic district on the local stack, compared with a peer script.
#
#   tests/bench.sh [--peer SCRIPT] [--students N] [--rounds N] [more: --help]
#
# Without --peer, measures only Rollbook and the lower limit. Installs its tools into target/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}

# Resolve the script's path here, because cargo runs the benchmark in another folder.
arguments=()
peer=
while (($#)); do
    if [[ $1 == --peer ]]; then
        peer=$(cd "$OLDPWD" && realpath "${2:?--peer needs the path of a script}")
        arguments+=(--peer "$peer")
        shift 2
    else
        arguments+=("$1")
        shift
    fi
done

if [[ $peer ]]; then
    if [[ ! -x $target/peer/bin/python ]]; then
        python3 -m venv "$target/peer"
    fi
    # A binary wheel, so that the peer is as fast as its users get it.
    "$target/peer/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: duckdb
    arguments+=(--peer-python "$target/peer/bin/python")
fi

exec cargo bench --quiet --package e2e --bench night -- "${arguments[@]}"
