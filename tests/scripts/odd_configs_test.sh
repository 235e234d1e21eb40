#!/bin/sh
# Odd configurations: each is judged by `validate` without a death, a hang or much memory, and refused with exit 2 and its key.
# odd_configs_test.sh BUILD_FOLDER SOURCE
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
source=$2
cd "$scratch" || exit 1

# Each lies over tiny.json. The limit of the address space stands for a machine's memory, the same everywhere.
python3 - "$host" "$source" <<'END_OF_FILE' || fail "odd configurations"
import json, os, re, resource, signal, subprocess, sys

host, source = sys.argv[1:]
GIB = 1 << 30
failed = 0


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (12 * GIB, 12 * GIB))


def validate(*words):
    """Exit code, output and the most memory that the process had, in MiB."""
    with open("out", "w+b") as out:
        process = subprocess.Popen([host, "validate", *words], stdout=out, stderr=subprocess.STDOUT, preexec_fn=limit)
        signal.signal(signal.SIGALRM, lambda *_: process.kill())
        signal.alarm(60)
        _, status, used = os.wait4(process.pid, 0)
        signal.alarm(0)
        out.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode(errors="replace"), used.ru_maxrss // 1024


def expect(name, says, *words):
    global failed
    code, out, mib = validate(*words)
    for wrong in [f"exit {code}"] * (code != 2), [f"{mib} MiB"] * (mib > 512), [f"no '{says}'"] * (says not in out), \
            [f"a message of {len(out)} bytes"] * (len(out) > 4000):
        for text in wrong:
            failed += 1
            print(f"FAILED: {name}: {text}\n{out[-600:]}")


for case in json.load(open(f"{source}/tests/data/odd_configurations.json")):
    json.dump({"_base_": f"{source}/tests/scripts/tiny.json", **case["config"]}, open("odd.json", "w"))
    expect(case["name"], case["says"], "odd.json")

tiny = f"{source}/tests/scripts/tiny.json"
ones = ",".join(["1"] * 60000)
expect("a word of 120 KB", "train_dataloader.dataset.pipeline.0", tiny, "--cfg-options", f"train_dataloader.dataset.pipeline=[{ones}]")
expect("sixteen of them", "train_dataloader.dataset.pipeline.0", tiny, "--cfg-options", *[f"train_dataloader.dataset.pipeline=[{ones}]"] * 16)
expect("a key of 120 KB", "no such key", tiny, "--cfg-options", "k" * 120000 + "=1")
expect("a list of 50,000 lists in one another", "at most 64 lists", tiny, "--cfg-options", "work_dir=" + "[" * 50000 + "]" * 50000)
expect("a key of 50,000 parts", "at most 64 parts", tiny, "--cfg-options", "a" + ".k" * 50000 + "=1")
expect("an option without an end", "']' is missing", tiny, "--cfg-options", f"work_dir=[{ones}")
for i in range(15):
    json.dump({"_base_": [f"{i + 1}.json"] * 2}, open(f"{i}.json", "w"))
json.dump({}, open("15.json", "w"))
expect("files that name one another twice", "more than 64 files", "0.json")
# The arithmetic is told: key, numbers, what they are for.
_, out, _ = validate(tiny, "--cfg-options", "model.backbone.arch.embed_dims=32768")
for pattern in r"the run needs at least .* of memory, and this process may take .* \(the limit of its address space \(ulimit -v\) of 12.0 GiB", \
        r"\n  model.backbone: .*: \d+ numbers, values .* \+ gradients .* \+ state of AdamW ":
    if not re.search(pattern, out):
        failed += 1
        print(f"FAILED: no '{pattern}' in\n{out}")
sys.exit(failed)
END_OF_FILE

OMP_NUM_THREADS=1000000000 "$host" validate "$source/tests/scripts/tiny.json" >out 2>&1
[ $? -eq 2 ] || fail "a billion threads: not exit 2"
grep -q "OMP_NUM_THREADS is 1000000000: expected at most 4096" out || fail "a billion threads: not by the variable's name"
exit $failed
