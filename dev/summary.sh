# Runs tests in lanes, each with a log of its own, and reports them by kind.
# shellcheck shell=bash source=dev/cluster.sh

# One more than there are cores, as tests also wait.
LANES=${LANES:-$(($(nproc) + 1))}

# Runs the tests in TASKS, LANES at the same time. Each writes a log, and a line with its kind, name,
# exit code, seconds and numbers of tests to RESULTS.
run_tasks() {
    LOGS=$(clusters_dir)/logs
    RESULTS=$LOGS/results
    rm -rf "$LOGS" && mkdir -p "$LOGS"
    : >"$RESULTS"
    export LOGS RESULTS
    export -f run_task count_in
    # The tests do not inherit the lock of dev/test: a server that one leaves behind would keep it.
    # shellcheck disable=SC2016 # the inner shell expands it
    printf '%s\0' "${TASKS[@]}" | xargs --null --max-procs="$LANES" -I{} bash -c 'run_task "$1"' task {} 9>&-
}

run_task() {
    local kind name command log start=$SECONDS code=0 counts
    read -r kind name command <<<"$1"
    log=$LOGS/$kind-$name.log
    bash -c "$command" >"$log" 2>&1 </dev/null || code=$?
    counts=$(count_in "$log")
    printf '%s %s %s %s %s\n' "$kind" "$name" "$code" $((SECONDS - start)) "$counts" >>"$RESULTS"
    [ "$code" -eq 0 ] && code=ok || code=FAILED
    printf '    %-12s %-20s %6s %4d s\n' "$kind" "$name" "$code" $((SECONDS - start))
}

# The numbers of tests in a log that passed, failed and were skipped: of cargo, of pg_regress before
# and since version 16, of Deno and of Playwright.
count_in() {
    awk '
        /^test result:/ { passed += $4; failed += $6; skipped += $8 }
        /^(test|    ) [a-z_0-9]+ +\.\.\. ok +[0-9]+ ms/ || /^ok [0-9]+ / { passed++ }
        /^(test|    ) [a-z_0-9]+ +\.\.\. FAILED +[0-9]+ ms/ || /^not ok [0-9]+ / { failed++ }
        /^skipped: / { split($0, parts, ","); skipped += split(parts[1], names, " ") - 1 }
        /^(ok|FAILED) \| [0-9]+ passed/ {
            passed += $3; failed += $6
            for (i = 7; i < NF; i++) if ($(i + 1) ~ /^ignored/) skipped += $i
        }
        /^  [0-9]+ passed \(/ { passed += $1 }
        /^  [0-9]+ failed$/ { failed += $1 }
        /^  [0-9]+ skipped$/ { skipped += $1 }
        END { printf "%d %d %d", passed, failed, skipped }' "$1"
}

# Prints one line per kind, and the end of the log of each failure. Fails if a test has failed.
report() {
    local failures failure
    printf '\nPostgreSQL %s        passed  failed  skipped  seconds\n' "$PG_MAJOR"
    awk '
        !($1 in codes) { order[++kinds] = $1 }
        { codes[$1] += $3 != 0; seconds[$1] += $4; passed[$1] += $5; failed[$1] += $6; skipped[$1] += $7 }
        END {
            for (i = 1; i <= kinds; i++) {
                k = order[i]
                # A test that ended before it could count its failures.
                if (codes[k] && !failed[k]) failed[k] = codes[k]
                printf "    %-16s %6d  %6d  %7d  %7d\n", k, passed[k], failed[k], skipped[k], seconds[k]
            }
        }' "$RESULTS"
    printf 'Total: %d s\n' $((SECONDS - STARTED_AT))
    failures=$(awk '$3 != 0 { print $1 "-" $2 }' "$RESULTS")
    [ -n "$failures" ] || return 0
    for failure in $failures; do
        printf '\n%s failed:\n\n' "$failure"
        tail -n 80 "$LOGS/$failure.log"
    done
    printf '\n'
    fail "tests failed: $(awk '$3 != 0 { printf "%s %s  ", $1, $2 }' "$RESULTS")(logs in $LOGS)"
}
