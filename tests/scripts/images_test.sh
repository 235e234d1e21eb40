#!/bin/sh
# Image files as users have them: every format trains; what cannot be read is told before training, found by a scan, or ends a run that
# has saved; a run's own pictures are no images. images_test.sh BUILD_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
tiny=$(cd "$(dirname "$0")" && pwd)/tiny.json
samples=$2/tests/data/images
cd "$scratch" || exit 1

cat >run.json <<END
{ "_base_": "$tiny",
  "train_dataloader": { "batch_size": 4, "dataset": { "_delete_": true, "type": "image_folder", "data_root": "set",
    "pipeline": [{ "type": "RandomResizedCrop", "size": 32 }] } },
  "report": false }
END
# run EXIT WORDS...: the host with these words; its messages are in out.
run() {
  want=$1
  shift
  "$host" "$@" >out 2>&1
  got=$?
  [ "$got" -eq "$want" ] || fail "$*: exit $got, not $want"
}
says() { grep -q -e "$1" out || fail "no \"$1\""; }
good=$samples/24.bmp

# Every format, and cut files that are to be kept.
mkdir set && cp "$samples"/*.* "$samples"/odd/*.* set
run 4 run.json --work-dir refused
says 'cut.*: the data end too early (truncated: keep takes what is there)'
run 0 run.json --work-dir kept --cfg-options train_dataloader.truncated=keep train_dataloader.max_bad_fraction=0
run 4 validate run.json --cfg-options train_dataloader.max_image_pixels=400 train_dataloader.max_bad_fraction=0
says 'pixels; an image may have 400 (max_image_pixels)'
rm -r set

# What no codec reads is known before training, by name and by first bytes.
mkdir set
for i in $(seq 100); do cp "$good" "set/$i.bmp"; done
for i in 1 2 3; do printf '\0\0\0\030ftypheic\0\0\0\0' >"set/phone$i.heic"; done
run 0 validate run.json
says '3 images of the set cannot be used, by a first look; the first is set/phone1.heic: HEIC is not supported'
printf '\377\012' >set/xl.jpg
for command in validate train; do
  run 4 $command run.json --work-dir early
  says '4 of 104 images could not be used; max_bad_fraction 0.001 allows 3'
  says 'set/xl.jpg: JPEG XL is not supported; JPEG, PNG'
done
[ ! -e early ] || fail "a work folder is made for images that are known to be bad"
run 0 run.json --work-dir allowed --cfg-options train_dataloader.max_bad_fraction=1
[ "$(wc -l <allowed/bad_files.txt)" -eq 4 ] || fail "bad_files.txt lists $(cat allowed/bad_files.txt)"

# A scan reads what is behind the first bytes too.
rm set/xl.jpg set/phone1.heic
head -c 700 "$good" >set/7.bmp
run 0 validate --scan run.json --work-dir scanned
says 'train_dataloader.dataset: 102 of 102 images read, 3 of them cannot be used'
says 'is valid; loss of the first batch'
[ "$(cut -f 2 scanned/bad_files.txt | tr '\n' ' ')" = "set/7.bmp set/phone2.heic set/phone3.heic " ] || fail "the scan lists $(cat scanned/bad_files.txt)"
head -c 700 "$good" >set/8.bmp
run 4 validate --scan run.json --work-dir scanned
says 'train_dataloader.dataset: 4 of 102 images could not be used'
[ "$(wc -l <scanned/bad_files.txt)" -eq 4 ] || fail "the scan lists $(cat scanned/bad_files.txt)"
run 0 run.json --work-dir scanned --cfg-options train_dataloader.max_bad_fraction=0.1
run 4 validate --scan run.json --work-dir probed --cfg-options \
  'train_dataloader.dataset={"_delete_": true, "type": "shapes", "size": 16, "image_size": 32}' \
  'probe={"dataset": {"data_root": "set", "with_label": false}, "test_dataset": {"data_root": "set", "with_label": false}}'
says 'probe.dataset: 4 of 102 images could not be used'
rm -r set
mkdir set && cp "$good" set/1.bmp
run 0 validate --scan run.json --work-dir scanned
[ ! -e scanned/bad_files.txt ] || fail "a scan that finds nothing leaves an old list"
run 2 run.json --scan
# A folder is not made for nothing, and not taken from a run that is at work in it.
run 0 validate --scan run.json --work-dir new/folder
[ ! -e new ] || fail "a scan that finds nothing leaves a folder"
mkdir owned && echo kept >owned/bad_files.txt
python3 - "$host" <<'END' || fail "a scan in the folder of a run"
import fcntl, subprocess, sys
with open("owned/.lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = subprocess.run([sys.argv[1], "validate", "--scan", "run.json", "--work-dir", "owned"], capture_output=True, text=True)
assert done.returncode == 2 and "owned is in use by" in done.stderr, (done.returncode, done.stderr)
assert open("owned/bad_files.txt").read() == "kept\n"
END

# It ends by a signal, with what it has found.
python3 - set "$samples/cut.png" <<'END'
import os, sys
folder, bad = sys.argv[1:]
os.system(f"cp {bad} {folder}/0.png")
row = b"\1\2\3" * 1500
open("large.ppm", "wb").write(b"P3\n1500 1000\n255\n" + b"12 34 56 " * 1500000)
for i in range(20000):
    os.link("large.ppm", f"{folder}/large{i}.ppm")
END
"$host" validate --scan run.json --work-dir stopped >out 2>&1 &
scan=$!
sleep 3
kill -TERM $scan 2>/dev/null || fail "the scan of 20,000 large images is over"
wait $scan
[ $? -eq 75 ] || fail "a scan that SIGTERM ends does not exit with 75"
says 'of 20002 images read, 1 of them cannot be used'
says 'stopped before all images had been read'
grep -q 'set/0.png' stopped/bad_files.txt || fail "a scan that is stopped does not list what it has found"
rm -r set large.ppm

# A run that ends for its data has saved, and goes on when they are repaired.
mkdir set
for i in $(seq 100); do cp "$good" "set/$i.bmp"; done
for i in 10 11 12 13; do head -c 700 "$good" >"set/$i.bmp"; done
run 4 run.json --work-dir late
says '4 of 100 images could not be used; max_bad_fraction 0.001 allows 3'
says 'saved late/checkpoints/iter_'
[ "$(wc -l <late/bad_files.txt)" -eq 4 ] || fail "bad_files.txt lists $(cat late/bad_files.txt)"
saved=$(sed -n 's/.*stopped at iteration \([0-9]*\) and saved.*/\1/p' out)
[ "$saved" -gt 1 ] || fail "four bad images in the first batches: another seed is needed"
run 4 run.json --work-dir late --resume
says '4 of 100 images could not be used'
cp "$good" set/10.bmp
run 0 run.json --work-dir late --resume
says "resuming from late/checkpoints/iter_$saved"
[ "$(wc -l <late/bad_files.txt)" -eq 3 ] || fail "bad_files.txt lists $(cat late/bad_files.txt)"
# So has one whose images are gone in the middle of it.
python3 - "$host" run.json <<'END' || fail "images that go away"
import os, subprocess, sys, time
run = subprocess.Popen([sys.argv[1], sys.argv[2], "--work-dir", "gone", "--cfg-options", "train_cfg.max_epochs=100000"], stderr=subprocess.PIPE, text=True)
for line in run.stderr:
    if line.startswith("Epoch(train)"):
        break
os.rename("set", "elsewhere")
rest = run.stderr.read()
assert run.wait() == 4, (run.returncode, rest)
assert "saved gone/checkpoints/iter_" in rest, rest
os.rename("elsewhere", "set")
END

# Several ranks count together, and save before they end.
run 4 --launcher local --nproc-per-node 2 run.json --device cpu --work-dir ranks --cfg-options train_dataloader.batch_size=2 \
  train_dataloader.max_bad_fraction=0
says 'of 100 images could not be used'
rm -r set

# A run's own pictures are no images to learn from.
mkdir home && cp "$good" home/a.bmp && cp "$good" home/b.bmp
cd home || exit 1
for folder in one two; do
  run 0 ../run.json --work-dir runs/$folder --cfg-options train_dataloader.dataset.data_root=. report=true
  says 'data: 2 images'
done
says 'left out .* 1 work folder of a run (first: runs/one)'
ls runs/one/*.png >/dev/null || fail "the run has left no picture that could be taken"
run 2 ../run.json --work-dir . --cfg-options train_dataloader.dataset.data_root=.
says "the run's own work folder"
exit $failed
