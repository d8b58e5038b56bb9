#!/usr/bin/env bash
# Unpacks the programs of Debian that crates/server/tests/real_programs and the benchmark beside other servers run, into FOLDER:
#   bash .ci/programs.sh FOLDER && TIMESTRATA_PROGRAMS=FOLDER cargo test -p timestrata-server --test real_programs
# Nothing is installed, so that no service starts. A package that cannot be had is left out, and its tests are skipped.
set -euo pipefail

folder=$(realpath -m "${1:?usage: programs.sh FOLDER}")
mkdir -p "$folder/packages"
cd "$folder/packages"
get=(timeout 120 apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20)
is_updated=
for package in prometheus prometheus-node-exporter prometheus-pushgateway victoria-metrics influxdb-client collectd-core libyajl2; do
    compgen -G "${package}_*.deb" >/dev/null && continue
    if ! "${get[@]}" download "$package" 2>/dev/null; then
        # The list of packages may be old or absent; one attempt to renew it is enough.
        [ -n "$is_updated" ] || "${get[@]}" update >/dev/null || true
        is_updated=1
        "${get[@]}" download "$package" || { printf 'there is no package %s here\n' "$package" && continue; }
    fi
    dpkg -x "${package}"_*.deb "$folder"
done
