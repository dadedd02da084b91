#!/usr/bin/env bash
# A folder while you sleep:  ./folder_at_night.sh scans clean
#
# Can be started again at any time: what is done is skipped. In the morning, open clean/report.html.
set -euo pipefail
scans=${1:?which folder?} clean=${2:?into which folder?}

# What will be done, and what will not, before you go.
denoise "$scans" -o "$clean/" --recursive --dry-run

mkdir -p "$clean"
# Two pictures at once. One that fails does not stop the others; `|| failed=$?` lets the script go on as well.
failed=0
denoise "$scans" -o "$clean/" --recursive --jobs 2 --report "$clean/report.html" --json --quiet > "$clean/report.jsonl" || failed=$?

# The summary is the last line.
tail -n 1 "$clean/report.jsonl"
exit "$failed"
