"""Measures how fast functions start, and how large they are: what a person waits for when no warm process is there.

Usage: cold.py [--most-ms MS] [--most-mb MB] [--rounds N] FOLDER [NAME…]

Each function is started as Lambda starts it, against a Runtime API on loopback, with the variables that the template gives it and without
endpoints of one's own, so that it makes its clients with TLS. Measured is from before the process is spawned to its first
`GET …/invocation/next`; nothing is answered, and nothing is called. FOLDER has the binaries under their own names, or as
`<name>/bootstrap`, which is where cargo-lambda puts them.
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

# How long a process may take until it asks for its first event, as in AWS.
LONGEST_START = 10

ACCOUNT = "us-east-1:111122223333"
VARIABLES = {
    # Lambda's own.
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
    # The template's, of all functions together: none minds another's.
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
    sys.exit(f"FAIL there is no {name} in {folder}")


def first_poll(name, binary, work):
    """Milliseconds from the spawn to the first poll."""
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
            sys.exit(f"FAIL {name} asks for no event within {LONGEST_START} seconds, but says {line}\n{said}")
    return milliseconds


def zipped(binary):
    """Bytes of what is uploaded: the binary as `bootstrap`, deflated as by `zip -9`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return len(buffer.getvalue())


def main():
    parser = argparse.ArgumentParser(description="Measures how fast functions start, and how large they are.")
    parser.add_argument("--most-ms", type=float, default=30, help="most milliseconds to the first poll, median (%(default)s)")
    parser.add_argument("--most-mb", type=float, default=8, help="most megabytes of a million, zipped (%(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="how often each is started (%(default)s)")
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", default=FUNCTIONS)
    arguments = parser.parse_args()

    failed = []
    print(f"{'function':<18} {'first poll, ms':>14} {'least to most':>16} {'binary, MB':>11} {'zipped, MB':>11}")
    with tempfile.TemporaryDirectory() as work:
        for name in arguments.names:
            binary = find(arguments.folder, name)
            # Once to read the file from the disk, which is the platform's matter.
            first_poll(name, binary, work)
            times = sorted(first_poll(name, binary, work) for _ in range(arguments.rounds))
            median, size = statistics.median(times), zipped(binary) / 1e6
            spread = f"{times[0]:.1f} to {times[-1]:.1f}"
            print(f"{name:<18} {median:>14.1f} {spread:>16} {os.path.getsize(binary) / 1e6:>11.2f} {size:>11.2f}", flush=True)
            if median > arguments.most_ms:
                failed.append(f"{name} takes {median:.1f} ms to its first poll, and may take {arguments.most_ms:g}")
            if size > arguments.most_mb:
                failed.append(f"{name} is {size:.2f} MB zipped, and may be {arguments.most_mb:g}")
    for failure in failed:
        print(f"FAIL {failure}")
    if not failed:
        print(f"PASS all start within {arguments.most_ms:g} ms and are at most {arguments.most_mb:g} MB zipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
