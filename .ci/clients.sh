#!/usr/bin/env bash
# Installs the client libraries that crates/server/tests/real_programs runs, into the folder FOLDER:
#   bash .ci/clients.sh FOLDER && TIMESTRATA_CLIENTS=FOLDER cargo test -p timestrata-server --test real_programs
# Nothing is installed twice.
set -euo pipefail

folder=$(realpath -m "${1:?usage: clients.sh FOLDER}")
# Raise this number when the lists below change.
version=4
if [ "$(cat "$folder/version" 2>/dev/null || true)" = "$version" ]; then
    exit 0
fi
mkdir -p "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'influxdb==5.3.*' 'influxdb-client==1.*' 'questdb>=3,<7' 'prometheus-api-client>=0.7,<1' 'prometheus-client<1' 'setuptools<81' \
    'opentelemetry-exporter-otlp-proto-http==1.*'
npm install --prefix "$folder" --silent --no-audit --no-fund \
    influx@5 @influxdata/influxdb-client@1 @prometheus-io/codemirror-promql@0 \
    @codemirror/{autocomplete,language,lint,state,view}@6 @lezer/common@1
echo "$version" >"$folder/version"
