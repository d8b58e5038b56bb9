#!/usr/bin/env bash
# Runs every fuzz target for SECONDS, one after the other, and prints the number of executions of each.
# usage: fuzz/run_all.sh SECONDS [TARGET ...]      SANITIZER=address runs with the sanitizer, three times slower
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?"missing SECONDS; usage: fuzz/run_all.sh SECONDS [TARGET ...]"}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
sanitizer=${SANITIZER:-none}
logs=fuzz/target/logs
mkdir -p "$logs"
cargo +nightly fuzz build -s "$sanitizer"

total=0 failed=()
for target in "${targets[@]}"; do
    # New inputs go to fuzz/target/found. Inputs worth keeping are moved to fuzz/corpus by hand: see README.md.
    mkdir -p "fuzz/target/found/$target" "fuzz/corpus/$target"
    cargo +nightly fuzz run -s "$sanitizer" "$target" "fuzz/target/found/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 >"$logs/$target" 2>&1 ||
        failed+=("$target")
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target")
    printf '%-12s %12d executions\n' "$target" "${executions:-0}"
    total=$((total + ${executions:-0}))
done
printf '%-12s %12d executions of %d targets\n' all "$total" "${#targets[@]}"
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s; the input is in fuzz/artifacts, the log in %s\n' "${failed[*]}" "$logs"
    exit 1
fi
