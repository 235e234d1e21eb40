#!/bin/sh
# What a cluster does to runs of several ranks, each fault once and with two ranks; bench/faults --list names them. Which rank it
# is, and when, differs from time to time: the seed is printed, and --seed repeats it. rank_faults_test.sh BUILD_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
PYTHONDONTWRITEBYTECODE=1 TMPDIR=$scratch python3 "$2/bench/faults" --build "$1" --short || fail "bench/faults --short"
exit $failed
