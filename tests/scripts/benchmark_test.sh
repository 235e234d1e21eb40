#!/bin/sh
# The command `benchmark`: a table on standard output, what limits, and nothing left behind. benchmark_test.sh BUILD_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
cd "$scratch" || exit 1
mkdir here && cd here || exit 1

# bench WORDS...: the table is in ../table, what is said in ../out.
bench() { "$host" benchmark "$tiny" "$@" >../table 2>../out; }

bench --cfg-options train_dataloader.num_workers=2 || fail "benchmark: exit $?"
for line in 'loader, workers: 2 ' 'loader, workers: 1 ' 'step, on one batch ' '  forward ' '  backward ' '  optimizer ' 'training ' \
  'training waits for images ' 'a step has ' 'memory at its peak: '; do
  grep -qF "$line" ../table || fail "no line begins '$line'"
done
grep -qE '^The (step|loader) limits: ' ../table || fail "nothing is said to limit"
grep -qE '(nan|inf)' ../table && fail "a number is none"
[ -z "$(ls -A)" ] || fail "something is left behind: $(ls -A)"
bench --cfg-options train_dataloader.num_workers=0 train_dataloader.batch_size=2 || fail "without workers: exit $?"
grep -q '^ *images/s  ms a batch of 2$' ../table || fail "the batch size is not the one that was asked for"
grep -q '^loader, in the training thread ' ../table || fail "without workers: the loader is not told to be in the thread"
bench --cfg-options train_dataloader.batch_size=100 || fail "a batch larger than the set: exit $?"
grep -q '^ *images/s  ms a batch of 16$' ../table || fail "a batch larger than the set is not counted by its images"
exit $failed
