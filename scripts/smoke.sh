#!/bin/sh
# The funnel, by curl, against a running instance: after a deploy, or `make smoke` beside `make run`.
#
#   BASE_URL     the API                     http://127.0.0.1:8000
#   MAILBOX_URL  the emulator's mailbox      http://127.0.0.1:8025 for an API on this machine
#                Empty where mails are real: then only what needs no mailbox is tried.
#   MAGNET       the slug of a magnet        guide-mariee-sereine
#   SMOKE_EMAIL  without a mailbox: your own address, to which one real mail is sent
set -eu

BASE_URL=${BASE_URL:-http://127.0.0.1:8000}
case $BASE_URL in
    http://127.0.0.1* | http://localhost*) MAILBOX_URL=${MAILBOX_URL-http://127.0.0.1:8025} ;;
    *) MAILBOX_URL=${MAILBOX_URL-} ;;
esac
MAGNET=${MAGNET:-guide-mariee-sereine}
API=${BASE_URL%/}/api/lead-magnet

files=$(mktemp -d)
trap 'rm -rf "$files"' EXIT
: >"$files/body"
status=none

# call NAME STATUS CURL-ARGUMENTS…: one request, which must get this status.
call() {
    name=$1 expected=$2
    shift 2
    : >"$files/body"
    status=$(curl -sS --max-time 20 -o "$files/body" -D "$files/headers" -w '%{http_code}' "$@" \
        2>"$files/error") || fail "$(cat "$files/error")"
    [ "$status" = "$expected" ] || fail "expected $expected"
}

post() {
    name=$1 expected=$2 url=$3 body=$4
    call "$name" "$expected" -H 'Content-Type: application/json' -d "$body" "$url"
}

# json EXPRESSION: what Python makes of the answer, which is called `it`.
json() {
    python3 -c 'import json, re, sys; it = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
        "$files/body" "$1" 2>/dev/null || fail "the answer has no $1"
}

# expect EXPRESSION VALUE
expect() {
    found=$(json "$1")
    [ "$found" = "$2" ] || fail "expected $1 to be $2, not $found"
}

problem() {
    grep -qi '^content-type: application/problem+json' "$files/headers" || fail "not problem+json"
    expect 'it["code"]' "$1"
}

ok() {
    echo "ok    $name"
}

# A token is no business of a log: whatever looks like one is masked.
fail() {
    {
        echo "FAIL  $name: $1"
        echo "      status $status, body:"
        head -c 2000 "$files/body" | sed -E 's/[A-Za-z0-9_-]{43,}/…/g'
        echo
    } >&2
    exit 1
}

call "the database answers and is migrated" 200 "${BASE_URL%/}/readyz"
ok

call "the magnet is offered" 200 "$API/magnets/$MAGNET"
expect 'it["slug"]' "$MAGNET"
required=$(json 'json.dumps([text["id"] for text in it["consentTexts"] if text["required"]])')
[ "$required" != "[]" ] || fail "no required consent text"
ok

call "an unknown path is a problem" 404 "$API/no-such-path"
problem not_found
ok

nobody=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
post "an unknown token is a problem" 404 "$API/confirm" "{\"token\":\"$nobody\"}"
problem token_unknown
ok

post "a signup without an address is a problem" 422 "$API/signup" "{\"consents\":$required}"
problem email_invalid
ok

sign_up() {
    post "a signup is accepted" 202 "$API/signup" \
        "{\"email\":\"$1\",\"magnet\":\"$MAGNET\",\"consents\":$required}"
    ok
}

if [ -z "$MAILBOX_URL" ]; then
    [ -z "${SMOKE_EMAIL:-}" ] || sign_up "$SMOKE_EMAIL"
    echo "done, as far as it goes without a mailbox"
    exit 0
fi

# A mailbox of its own each time: an address gets three mails a week, whatever its +tag.
address=smoke-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')@example.org
sign_up "$address"

deadline=$(($(date +%s) + 60))
while :; do
    call "its mail arrives" 200 -G "${MAILBOX_URL%/}/api/messages" --data-urlencode "to=$address"
    mails=$(json 'len(it)')
    [ "$mails" = 0 ] || break
    [ "$(date +%s)" -lt "$deadline" ] || fail "no mail to $address within a minute"
    sleep 0.2
done
token=$(json 're.search(r"/lead-magnet/confirm\?\S+token=([\w-]{43})(?![\w-])", it[0]["text"])[1]')
unsubscribe=$(json '{k.lower(): v for k, v in it[0]["headers"].items()}["list-unsubscribe"].split(">")[0].strip("<")')
ok

for _ in first second; do
    call "opening the link, and again, changes nothing" 200 "$API/confirm/$token"
    expect 'it["status"]' pending
done
ok

post "a click confirms" 200 "$API/confirm" "{\"token\":\"$token\"}"
expect 'it["status"]' confirmed
download=$(json 'it["downloadUrl"]')
ok

call "the file is a PDF, for saving" 200 "$download"
grep -qi '^content-disposition: attachment' "$files/headers" || fail "not an attachment"
mv "$files/body" "$files/guide.pdf"
: >"$files/body"  # not for a terminal, should one of the next two fail
[ "$(head -c 5 "$files/guide.pdf")" = "%PDF-" ] || fail "does not start with %PDF-"
[ "$(wc -c <"$files/guide.pdf")" -gt 5000 ] || fail "smaller than any guide"
ok

post "a second click is a success too" 200 "$API/confirm" "{\"token\":\"$token\"}"
expect 'it["status"]' already_confirmed
ok

call "one click unsubscribes" 200 -d List-Unsubscribe=One-Click "$unsubscribe"
ok

echo "done: from the address to the file, and out again"
