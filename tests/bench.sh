#!/usr/bin/env bash
# Measures nights of a synthetic district through the local stack, beside a script that does the same another way.
#
#   tests/bench.sh [--peer SCRIPT] [--students N] [--rounds N] [more: --help]
#
# Without --peer only our own figures and the lower limit are measured. Everything it needs is installed into target/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}

# A script is named from where the caller stands, cargo runs the bench elsewhere.
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
    # A binary wheel: the peer is to be as fast as anybody gets it.
    "$target/peer/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: duckdb
    arguments+=(--peer-python "$target/peer/bin/python")
fi

exec cargo bench --quiet --package e2e --bench night -- "${arguments[@]}"
