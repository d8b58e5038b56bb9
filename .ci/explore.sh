#!/usr/bin/env bash
# Walks through the page /explore of a new server in a browser: once without tokens, once with a token and below /db/.
#   bash .ci/explore.sh FOLDER [PROGRAM]
# FOLDER gets playwright-core and the pictures; PROGRAM is `timestrata`, by default the one of target/debug. It needs node and
# chromium: `apt-get install chromium`.
set -euo pipefail

folder=$(realpath -m "${1:?usage: explore.sh FOLDER [PROGRAM]}")
program=$(realpath "${2:-target/debug/timestrata}")
tests=$(realpath "$(dirname "$0")/../crates/server/tests/browser")
chromium=${CHROMIUM:-$(command -v chromium)} || { printf 'chromium is missing: apt-get install chromium\n' >&2; exit 2; }

mkdir -p "$folder"
# Beside the copies of the tests, where node looks for packages.
cp -r "$tests"/*.mjs "$tests"/steps "$tests"/package.json "$folder"
if [ ! -d "$folder/node_modules/playwright-core" ]; then
    npm install --prefix "$folder" --silent --no-audit --no-fund
fi
node --test --test-reporter=dot "$tests/modules/"

data=$(mktemp -d)
server=
finish() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" || true; fi
    rm -rf "$data"
}
trap finish EXIT

# Starts the server on a free port with the options given, and waits until it is ready. Sets `address`.
start() {
    local log=$data/log port
    "$program" serve --data "$data/databases" --listen 127.0.0.1:0 --log json "$@" 2>"$log" &
    server=$!
    for _ in $(seq 100); do
        port=$(sed -n 's/.*"address":"127\.0\.0\.1:\([0-9]*\)".*/\1/p' "$log" | head -1)
        if [ -n "$port" ] && [[ $(curl -s -o "$data/ready" -w '%{http_code}' "http://127.0.0.1:$port/-/ready") == 200 ]]; then
            address=http://127.0.0.1:$port
            return
        fi
        sleep 0.1
    done
    printf 'the server did not start:\n' >&2
    cat "$log" >&2
    exit 1
}

stop() {
    kill "$server"
    wait "$server"
    server=
}

# The last 20 minutes of a metric of three series, and a counter. Databases of a server keep the last of two points.
now=$(date +%s)
{
    echo 'time,host,up,requests_total'
    for ((at = now - 1200; at <= now; at += 10)); do
        for host in a b c; do echo "$at,$host,$((at % 7 != 0)),$(((at - now + 1200) * 3))"; done
    done
} >"$data/points.csv"
"$program" ingest "$data/points.csv" --db "$data/databases/default" --time time --time-format s --tags host --duplicates last >"$data/ingest.log" 2>&1 || {
    cat "$data/ingest.log" >&2
    exit 1
}

start
CHROMIUM=$chromium node "$folder/walk.mjs" "$address/explore" "$folder/pictures"
stop

token=$("$program" token page --scope read 2>&1 >"$data/tokens.toml" | sed -n 's/.*: //p')
start --tokens "$data/tokens.toml"
CHROMIUM=$chromium TOKEN=$token node "$folder/walk.mjs" "$address/db/default/explore" "$folder/pictures-token"
stop
