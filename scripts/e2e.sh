#!/bin/sh
# The Nuxt site in a real browser, against the stack of `make run`: `make e2e`.
# An app of nothing but the lines of docs/nuxt.md instead of the site: `make check-layer`.
# With `install` only what the two need.
#
#   CHROMIUM       the browser                          /usr/bin/chromium
#   E2E_ARTEFACTS  where pictures of every page go      .dev/e2e
#
# Some tests alone, of what was built before: cd site && node --test-name-pattern='the owner' e2e/index.mjs
#
# Needs Node 20.19, or 22.12 or newer, with npm; installs Debian's chromium where it is missing.
set -eu
cd "$(dirname "$0")/../site"

. ../scripts/node.sh
needs_node "make e2e"

CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [ -z "$CHROMIUM" ]; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null \
        || fail "chromium is missing: install it (Debian: apt-get install chromium), or set CHROMIUM to yours"
    echo "installing chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
    CHROMIUM=$(command -v chromium)
fi
export CHROMIUM

log=$(mktemp)
trap 'rm -f "$log"' EXIT

npm_ci_if_needed
[ "${1:-site}" != install ] || exit 0
export NUXT_TELEMETRY_DISABLED=1

if [ "${1:-site}" = layer ]; then
    app=$(mktemp -d) nuxt_3=$(mktemp -d)
    trap 'rm -rf "$log" "$app" "$nuxt_3"' EXIT
    bare_app() {
        node e2e/bare.mjs "$2" "$1"
        cd "$2"
        quietly "an app that has Nuxt $1" npm install --prefer-offline
        quietly "the layer, as docs/nuxt.md says" sh -eu install.sh
        quietly "nuxt typecheck" npx nuxt typecheck
        cd - >/dev/null
    }
    bare_app 3 "$nuxt_3"
    bare_app 4 "$app"
    (cd "$app" && quietly "nuxt build" npx nuxt build)
    E2E_APP=$app E2E_ARTEFACTS=${E2E_ARTEFACTS:-$PWD/../.dev/layer} npm run --silent e2e
    exit
fi

quietly "nuxt typecheck: the pages fit openapi.yaml" npm run typecheck
quietly "nuxt build" npm run build
rm -f "$log"
exec npm run --silent e2e
