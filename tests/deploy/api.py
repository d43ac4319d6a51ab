"""Writes the configuration of schemathesis: existing ids for path parameters, and the checks of a
response.

    api.py FILE < records      one record per line, as `rollbook show` prints it, each with its `kind`
"""

import json
import sys
from pathlib import Path

# The record kinds that each path parameter can name.
PARAMETERS = {
    "school": ["school"],
    "class": ["class"],
    "student": ["student"],
    "teacher": ["teacher"],
    "guardian": ["guardian"],
    "person": ["student", "teacher", "guardian"],
    "run": ["run"],
}

# The checks of a response. Unsupported methods are not checked: API Gateway returns 404 for them, not
# 405.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "ignored_auth",
]

found: dict[str, list[str]] = {}
for line in sys.stdin:
    kind, record = json.loads(line)
    found.setdefault(kind, []).append(record["run" if kind == "run" else "id"])

lines = ["checks.enabled = false", *(f"checks.{name}.enabled = true" for name in CHECKS)]
lines += ["", "[parameters]", '"path.district" = "oak"']
for parameter, kinds in PARAMETERS.items():
    # Mostly existing records, otherwise any value that the description allows.
    lines.append(f'"path.{parameter}" = {{ dictionary = "{parameter}", probability = 0.8 }}')
for parameter, kinds in PARAMETERS.items():
    values = [value for kind in kinds for value in found[kind][:5]]
    lines += ["", f"[dictionaries.{parameter}]", f"values = {json.dumps(values)}"]
Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
