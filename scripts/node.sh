# Node for the scripts of site/, which source this file in that folder.

fail() {
    echo "$command: $1" >&2
    exit 1
}

needs_node() {
    command=$1
    command -v node >/dev/null || fail "node is missing: install Node 22 (nodejs.org, or your system's package)"
    command -v npm >/dev/null || fail "npm is missing: it comes with Node 22 (in Debian it is a package of its own)"
    node -e 'const [a, b] = process.versions.node.split(".").map(Number)
             process.exit(a === 20 && b >= 19 || a === 22 && b >= 12 || a > 22 ? 0 : 1)' \
        || fail "Node $(node --version) is too old for Nuxt: install Node 22"
}

# Quiet as long as all goes well.
quietly() {
    echo "$1"
    shift
    "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

npm_ci_if_needed() {
    if [ ! -e node_modules/ready ] || [ package-lock.json -nt node_modules/ready ]; then
        quietly "npm ci" npm ci
        touch node_modules/ready
    fi
}
