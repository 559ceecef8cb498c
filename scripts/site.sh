#!/bin/sh
# The Nuxt site, as it is being written, in front of the stack of `make run`: `make site`.
#
# Needs Node 20.19, or 22.12 or newer, with npm.
set -eu
cd "$(dirname "$0")/../site"
. ../scripts/node.sh
needs_node "make site"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
npm_ci_if_needed
rm -f "$log"
cd ..
exec .venv/bin/python -m leadmagnet.dev.site
