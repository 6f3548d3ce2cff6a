#!/usr/bin/env bash
# Runs a test whose JSON messages are recorded, with an empty folder for them.
#
#   recorded.sh FOLDER COMMAND ARG...
set -euo pipefail

rm -rf -- "$1"
mkdir -p -- "$1"
shift
exec "$@"
