"""Measures how fast functions start, and how large they are. Both determine cold starts.

Usage: cold.py [--most-ms MS] [--most-mb MB] [--rounds N] FOLDER [NAME…]

Starts each function as Lambda does, against a Runtime API on loopback, with the environment of the
template. No custom endpoints are set, so that the function creates its clients with TLS. Measures the
time from before the process is spawned to its first `GET …/invocation/next`. That request gets no
response, and the function makes no other call. FOLDER contains the binaries as <name> or, as
cargo-lambda writes them, <name>/bootstrap.
"""

import argparse
import io
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

FUNCTIONS = ("clever-webhook", "nightly-pull", "oneroster-import", "reconcile", "roster-api")

# The limit in AWS for the time to the first poll, in seconds.
LONGEST_START = 10

ACCOUNT = "us-east-1:111122223333"
VARIABLES = {
    # Set by Lambda.
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/09/15/[$LATEST]0",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin/:/bin",
    "TZ": ":UTC",
    # Set by the template, for all functions together; each ignores the others' variables.
    "INBOX_BUCKET": "rollbook-inbox",
    "INTERNAL_BUCKET": "rollbook-internal",
    "TABLE": "rollbook",
    "SCHEDULE_GROUP": "rollbook-schedules",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::111122223333:role/rollbook-schedules",
    "CLEVER_SECRET": f"arn:aws:secretsmanager:{ACCOUNT}:secret:clever",
    "PULL_FAILURES_ARN": f"arn:aws:sqs:{ACCOUNT}:rollbook-pull-failures",
    "PULL_FUNCTION_ARN": f"arn:aws:lambda:{ACCOUNT}:function:rollbook-nightly-pull",
    "OPERATOR_BUS": "rollbook-operators",
    "NOTICE_KEYS": f"arn:aws:secretsmanager:{ACCOUNT}:secret:notices",
}


def find(folder, name):
    for path in (os.path.join(folder, name), os.path.join(folder, name, "bootstrap")):
        if os.path.isfile(path):
            return path
    sys.exit(f"FAIL no binary {name} in {folder}")


def first_poll(name, binary, work):
    """Returns the milliseconds from spawn to first poll."""
    with socket.create_server(("127.0.0.1", 0)) as server, open(os.path.join(work, name), "w+b") as log:
        server.settimeout(LONGEST_START)
        variables = VARIABLES | {
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % server.getsockname()[1],
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        }
        begun = time.perf_counter()
        process = subprocess.Popen([binary], env=variables, cwd=work, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(LONGEST_START)
                request = b""
                while b"\r\n" not in request:
                    piece = connection.recv(4096)
                    if not piece:
                        break
                    request += piece
                milliseconds = (time.perf_counter() - begun) * 1000
        except TimeoutError:
            milliseconds, request = None, b"nothing"
        finally:
            process.kill()
            process.wait()
        line = request.split(b"\r\n", 1)[0].decode(errors="replace")
        if not line.startswith("GET /2018-06-01/runtime/invocation/next "):
            log.seek(0)
            said = log.read()[-2000:].decode(errors="replace")
            sys.exit(f"FAIL {name} did not poll for an event within {LONGEST_START} seconds, but sent {line}\n{said}")
    return milliseconds


def zipped(binary):
    """Returns the size of the upload in bytes: the binary as `bootstrap`, compressed as with `zip -9`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return len(buffer.getvalue())


def main():
    parser = argparse.ArgumentParser(description="Measures how fast functions start, and how large they are.")
    parser.add_argument("--most-ms", type=float, default=30, help="limit for the median time to the first poll, in ms (%(default)s)")
    parser.add_argument("--most-mb", type=float, default=8, help="limit for the zipped size, in MB (%(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="number of starts per function (%(default)s)")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", default=FUNCTIONS)
    arguments = parser.parse_args()

    failed = []
    print(f"{'function':<18} {'first poll, ms':>14} {'min to max':>16} {'binary, MB':>11} {'zipped, MB':>11}")
    with tempfile.TemporaryDirectory() as work:
        for name in arguments.names:
            binary = find(arguments.folder, name)
            # Warm up: load the file from disk.
            first_poll(name, binary, work)
            times = sorted(first_poll(name, binary, work) for _ in range(arguments.rounds))
            median, size = statistics.median(times), zipped(binary) / 1e6
            spread = f"{times[0]:.1f} to {times[-1]:.1f}"
            print(f"{name:<18} {median:>14.1f} {spread:>16} {os.path.getsize(binary) / 1e6:>11.2f} {size:>11.2f}", flush=True)
            if median > arguments.most_ms:
                failed.append(f"{name} takes {median:.1f} ms to its first poll; the limit is {arguments.most_ms:g}")
            if size > arguments.most_mb:
                failed.append(f"{name} is {size:.2f} MB zipped; the limit is {arguments.most_mb:g}")
    for failure in failed:
        print(f"FAIL {failure}")
    if not failed:
        print(f"PASS all functions start within {arguments.most_ms:g} ms and have at most {arguments.most_mb:g} MB zipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
