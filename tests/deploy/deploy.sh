#!/usr/bin/env bash
# Deploys template.yaml to a local AWS emulator that enforces the template's IAM roles, and checks
# that an upload ends in the mirror.
#
#   tests/deploy/deploy.sh         everything
#   tests/deploy/deploy.sh lint     only lint the template
#
# Requires a Rust toolchain, a C compiler and Python 3.11 with venv. Installs everything else into
# target/. Stops all processes that it starts. Never uses the caller's AWS account: credentials and
# endpoints are replaced before the first call.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/deploy
files=$root/tests/deploy

say() { printf '\n== %s\n' "$*"; }

# Creates a virtual environment for a list of packages, again whenever the list changes.
environment() {
    local name=$1 stamp
    stamp=$(cksum <"$files/$name.txt")
    if [[ $(cat "$tools/$name/.made-of" 2>/dev/null) != "$stamp" ]]; then
        say "installing $(grep -c '^[^#]' "$files/$name.txt") packages for $name"
        rm -rf "${tools:?}/$name"
        python3 -m venv "$tools/$name"
        "$tools/$name/bin/pip" install --quiet --disable-pip-version-check --requirement "$files/$name.txt"
        echo "$stamp" >"$tools/$name/.made-of"
    fi
}

# Remove the caller's AWS account, profile and endpoints.
for variable in $(compgen -e AWS_ || true); do unset "$variable"; done
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_REGION=us-east-1
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
export SAM_CLI_TELEMETRY=0 PYTHONDONTWRITEBYTECODE=1

mkdir -p "$tools"
environment sam
sam=$tools/sam/bin/sam

say "lint"
"$sam" validate --lint --template template.yaml
"$tools/sam/bin/cfn-lint" template.yaml
echo "PASS sam validate --lint and cfn-lint"
[[ ${1:-} == lint ]] && exit 0

environment stack
python=$tools/stack/bin/python

say "build"
# cargo-lambda must be on the path. Its cross linker builds for an older C library than this
# machine's.
export CARGO_TARGET_DIR=$target
PATH=$tools/sam/bin:$PATH "$sam" build --beta-features --template template.yaml --build-dir "$tools/build"
cargo build --quiet --package districts --bin make-district

work=$(mktemp -d)
stack=
cleanup() {
    status=$?
    trap - EXIT INT TERM
    if [[ -n $stack ]]; then
        # The process group, because the emulator runs the functions as child processes.
        kill -TERM -- "-$stack" 2>/dev/null || true
        for _ in $(seq 50); do kill -0 -- "-$stack" 2>/dev/null || break; sleep 0.1; done
        kill -KILL -- "-$stack" 2>/dev/null || true
    fi
    if [[ $status -ne 0 && -f $work/stack.log ]]; then
        say "last lines of the emulator's log"
        grep -vE ' (INFO|DEBUG) ' "$work/stack.log" | tail -n 40 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say "start the emulator"
"$python" "$files/certificate.py" "$work"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AWS_ENDPOINT_URL=https://127.0.0.1:$port AWS_CA_BUNDLE=$work/ca.pem
# With TLS, because the buckets refuse anything else; the functions' client reads the certificate
# authority from SSL_CERT_FILE. In its own session, so that it can be stopped with all its child
# processes.
mkdir "$work/tmp"
HOME=$work TMPDIR=$work/tmp BIND_HOST=127.0.0.1 GATEWAY_PORT=$port MINISTACK_REGION=$AWS_REGION MINISTACK_ACCOUNT_ID=111122223333 \
    USE_SSL=1 MINISTACK_SSL_CERT=$work/server.pem MINISTACK_SSL_KEY=$work/server.key SSL_CERT_FILE=$work/ca.pem \
    AUTH=true SFTP_ENABLED=0 IOT_MTLS_ENABLED=0 \
    setsid "$python" -m ministack >"$work/stack.log" 2>&1 &
stack=$!
for _ in $(seq 300); do
    "$python" "$files/check.py" up 2>/dev/null && break
    kill -0 "$stack" || { cat "$work/stack.log"; exit 1; }
    sleep 0.2
done

say "deploy"
# Secrets that do not exist here: the deployment needs only their ARNs.
secrets=arn:aws:secretsmanager:$AWS_REGION:111122223333:secret
clever=$secrets:clever-application-AbCdEf
"$sam" deploy --template-file "$tools/build/template.yaml" --stack-name rollbook --resolve-s3 --capabilities CAPABILITY_IAM \
    --no-confirm-changeset --no-progressbar --region "$AWS_REGION" --parameter-overrides OperatorEmail=operators@example.org NoticeDoor=on "CleverSecret=$clever" "ClassLinkSecret=$secrets:classlink-partner-AbCdEf" \
    >"$work/deploy.log" 2>&1 || { cat "$work/deploy.log"; exit 1; }
echo "PASS sam deploy: $(grep -c 'CREATE_COMPLETE' "$work/deploy.log") resources, IAM enforced"

say "check"
for night in 0 1; do
    "$target/debug/make-district" --students 40 --night "$night" --churn 5 --out "$work/night-$night.zip"
done
"$python" "$files/check.py" all "$tools/build" "$work/night-0.zip" "$work/night-1.zip"
