#!/bin/sh
# scripts/dist_train.sh and slurm_train.sh give the program and srun the words that they should, from any folder; and our launcher
# at work with the program itself. dist_train_test.sh BUILD_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
program=$1/bin/selfsup-host
scripts=$2/scripts
unset NNODES NODE_RANK PORT MASTER_ADDR MASTER_PORT GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS SELFSUP_NO_GRES SELFSUP_HOST SELFSUP_JOB
unset CUDA_VISIBLE_DEVICES
mkdir "$scratch/bin" "$scratch/a folder"
cd "$scratch/a folder" || exit 1

# Both say what they were given, a word a line.
cat >"$scratch/bin/srun" <<'END'
#!/bin/sh
basename "$0"
for word in "$@"; do echo "<$word>"; done
END
chmod +x "$scratch/bin/srun"
cp "$scratch/bin/srun" "$scratch/bin/selfsup-host"

# given NAME WORDS: the words, one after the other, that the stub of that name was given.
given() {
  name=$1
  shift
  { echo "$name" && printf '<%s>\n' "$@"; } >"$scratch/expected"
  cmp -s "$scratch/expected" "$scratch/out" || fail "expected: $(tr '\n' ' ' <"$scratch/expected"); found: $(tr '\n' ' ' <"$scratch/out")"
}
dist() { SELFSUP_HOST="$scratch/bin/selfsup-host" sh "$scripts/dist_train.sh" "$@" >"$scratch/out" 2>"$scratch/err"; }
slurm() { SELFSUP_HOST="/a path/selfsup-host" PATH="$scratch/bin:$PATH" sh "$scripts/slurm_train.sh" "$@" >"$scratch/out" 2>"$scratch/err"; }

dist "my config.json" 4
given selfsup-host train "my config.json" --launcher local --nproc-per-node=4 --nnodes=1 --node-rank=0
NNODES=2 NODE_RANK=1 PORT=29600 MASTER_ADDR=node1 dist c.json 8 --work-dir "my runs" --cfg-options "a='x y'" '' '*'
given selfsup-host train c.json --launcher local --nproc-per-node=8 --nnodes=2 --node-rank=1 --master-port=29600 --master-addr=node1 \
  --work-dir "my runs" --cfg-options "a='x y'" '' '*'
slurm part "my job" "my config.json" --work-dir "my runs"
given srun -p part --job-name="my job" --gres=gpu:8 --ntasks=8 --ntasks-per-node=8 --cpus-per-task=5 --kill-on-bad-exit=1 \
  "/a path/selfsup-host" train "my config.json" --launcher slurm --work-dir "my runs"
GPUS=4 CPUS_PER_TASK=2 SRUN_ARGS="--quiet --time=1" slurm part job c.json
given srun -p part --job-name=job --gres=gpu:4 --ntasks=4 --ntasks-per-node=4 --cpus-per-task=2 --kill-on-bad-exit=1 --quiet --time=1 \
  "/a path/selfsup-host" train c.json --launcher slurm
: >--nodelist=node1
GPUS=16 GPUS_PER_NODE=4 SRUN_ARGS="--nodelist=node[1-4]" slurm part job c.json
given srun -p part --job-name=job --gres=gpu:4 --ntasks=16 --ntasks-per-node=4 --cpus-per-task=5 --kill-on-bad-exit=1 "--nodelist=node[1-4]" \
  "/a path/selfsup-host" train c.json --launcher slurm
for variable in SELFSUP_NO_GRES=1 CUDA_VISIBLE_DEVICES=-1; do
  export "${variable?}"
  GPUS=2 slurm part job c.json
  given srun -p part --job-name=job --ntasks=2 --ntasks-per-node=2 --cpus-per-task=5 --kill-on-bad-exit=1 \
    "/a path/selfsup-host" train c.json --launcher slurm
  unset "${variable%%=*}"
done

for script in dist_train.sh slurm_train.sh; do
  "$scripts/$script" --help >"$scratch/out" || fail "$script cannot be executed"
done

# refused CODE TEXT COMMAND...
refused() {
  code=$1 text=$2
  shift 2
  "$@"
  rc=$?
  [ $rc -eq "$code" ] || fail "$*: exit $rc, not $code"
  grep -qF -- "$text" "$scratch/err" || fail "$*: does not say '$text'"
}
refused 2 "sh scripts/dist_train.sh CONFIG GPUS" dist
refused 2 "sh scripts/dist_train.sh CONFIG GPUS" dist c.json
refused 2 "sh scripts/slurm_train.sh PARTITION JOB CONFIG" slurm part job
export GPUS=0
refused 2 'GPUS is "0", expected a whole number from 1' slurm part job c.json
export GPUS=two
refused 2 'GPUS is "two"' slurm part job c.json
unset GPUS

# The program: of the build tree, of the installation, of PATH, or none.
mkdir -p "$scratch/tree/scripts" "$scratch/tree/build/release/bin" "$scratch/opt/share/selfsup/scripts" "$scratch/opt/bin" "$scratch/alone"
cp "$scripts/dist_train.sh" "$scripts/find_host.sh" "$scratch/tree/scripts/"
cp "$scripts/dist_train.sh" "$scripts/find_host.sh" "$scratch/opt/share/selfsup/scripts/"
cp "$scripts/dist_train.sh" "$scripts/find_host.sh" "$scratch/alone/"
for place in "$scratch/tree/build/release/bin" "$scratch/opt/bin" "$scratch/bin"; do
  printf '#!/bin/sh\necho "%s"\n' "$place" >"$place/selfsup-host"
  chmod +x "$place/selfsup-host"
done
found() { # PLACE SCRIPT PATH
  [ "$(PATH=$3 sh "$2" c.json 1 2>"$scratch/err")" = "$1" ] || fail "$2 does not find the program in $1"
}
found "$scratch/tree/build/release/bin" "$scratch/tree/scripts/dist_train.sh" "$scratch/bin:$PATH"
found "$scratch/opt/bin" "$scratch/opt/share/selfsup/scripts/dist_train.sh" "$scratch/bin:$PATH"
found "$scratch/bin" "$scratch/alone/dist_train.sh" "$scratch/bin:$PATH"
SELFSUP_HOST="$scratch/opt/bin/selfsup-host" found "$scratch/opt/bin" "$scratch/alone/dist_train.sh" "$scratch/bin:$PATH"
# shellcheck disable=SC2317
alone() { PATH=/usr/bin:/bin sh "$scratch/alone/dist_train.sh" c.json 1 >"$scratch/out" 2>"$scratch/err"; }
command -v selfsup-host >/dev/null || refused 2 "there is no selfsup-host in build/release/bin" alone

# The program itself. Its ranks find no LibTorch here, and each ends with 1: the launcher names the first, and leaves none.
export SELFSUP_HOST="$program" SELFSUP_TORCH_DIR=/nonexistent
# shellcheck disable=SC2317
real() { sh "$scripts/dist_train.sh" "$@" >"$scratch/out" 2>"$scratch/err"; }
echo '{"env_cfg": {"dist_cfg": {}}}' >c.json
refused 1 "starting 2 of 2 ranks here, 0 to 1; they meet at 127.0.0.1:" real c.json 2
tail -n 1 "$scratch/err" | grep -q "^error: rank [01] (process [0-9]*) failed first, with exit code 1$" || fail "the culprit is not named"
refused 2 "there is no" real missing.json 2
refused 2 'GPUS, the second word, is "0"' real c.json 0
refused 2 'GPUS, the second word, is "--work-dir"' real c.json --work-dir
export NNODES=2
refused 2 "nothing says where they meet" real c.json 2
export MASTER_ADDR=127.0.0.1
refused 2 "--master-addr is 127.0.0.1" real c.json 2
export MASTER_ADDR=node1 NODE_RANK=2
refused 2 "--node-rank is 2, and --nnodes is 2" real c.json 2
unset NNODES NODE_RANK MASTER_ADDR

# The words that ranks get. What stands for LibTorch here writes them down when a rank opens it, says that a checkpoint is whole if it is
# told to, and ends the rank by a signal, for which all start again.
mkdir -p fake/lib
cat >rank.c <<'END'
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void rank(void) {
  if (getenv("RANK")[0] == '0') {
    static char words[4096];
    int from = open("/proc/self/cmdline", O_RDONLY), to = open(getenv("WORDS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    long size = read(from, words, sizeof words - 1);
    for (long i = 0; i < size; ++i)
      if (words[i] == 0) words[i] = ' ';
    words[size] = '\n';
    if (write(to, words, size + 1) < 0 || (getenv("SAVES") && write(atoi(getenv("SELFSUP_COMMITS")), "", 1) != 1)) _exit(9);
    kill(getpid(), SIGKILL);
  }
  pause();
}
END
cc -shared -fPIC -o fake/lib/libc10.so rank.c || fail "what stands for LibTorch"
: >fake/lib/libtorch_cpu.so
built=$(env -u SELFSUP_TORCH_DIR "$program" env | sed -n 's/^LibTorch: *\([0-9]*\.[0-9]*\)\..*/\1/p')
echo "__version__ = '$built.99'" >fake/version.py
export SELFSUP_TORCH_DIR="$PWD/fake" WORDS="$scratch/words"
# words FLAGS: lines that rank 0 writes, started once and again, without the program.
words() {
  rm -f "$WORDS"
  "$program" "$@" --launcher=local --nproc-per-node 2 --max-restarts 1 --seed 3 >"$scratch/out" 2>"$scratch/err"
  rc=$?
  [ $rc -eq 76 ] || fail "$*: exit $rc, not 76"
  sed 's/^[^ ]* //' "$WORDS" >"$scratch/out"
}
expected() {
  printf '%s\n' "$@" | cmp -s - "$scratch/out" || fail "expected the words: $*; found: $(cat "$scratch/out")"
}
words c.json
expected "c.json --seed 3 " "--resume=auto c.json --seed 3 "
words train --resume c.json
expected "train --resume c.json --seed 3 " "train --resume c.json --seed 3 "
words c.json --overwrite --cfg-options a=1 b=2
expected "c.json --overwrite --cfg-options a=1 b=2 --seed 3 " "c.json --overwrite --cfg-options a=1 b=2 --seed 3 "
echo '{"resume": "elsewhere"}' >resumes.json
words resumes.json
expected "resumes.json --seed 3 " "resumes.json --seed 3 "
export SAVES=1
words resumes.json --overwrite
expected "resumes.json --overwrite --seed 3 " "--resume=auto resumes.json --seed 3 "
words --resume=somewhere c.json
expected "--resume=somewhere c.json --seed 3 " "--resume=auto c.json --seed 3 "
unset SAVES
SELFSUP_TORCH_DIR=/nonexistent

# A port in use: one line with the port, who has it, and who asks for it, in the order of those who may.
python3 -c '
import signal, socket, sys
signal.alarm(600)  # nobody else may be there to end it
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
open(sys.argv[1], "w").write(f"{s.getsockname()[1]}\n")
signal.pause()' "$scratch/port" &
holder=$!
until_true test -s "$scratch/port" || {
  fail "no process holds a port"
  exit 1
}
taken=$(cat "$scratch/port")
echo "{\"env_cfg\": {\"dist_cfg\": {\"port\": $taken}}}" >taken.json
in_use="port $taken is in use by process $holder ("
busy() { # WHO COMMAND...
  who=$1
  shift
  refused 2 "$in_use" "$@"
  grep -q "python3 -c " "$scratch/err" || fail "$*: does not say what that process is"
  grep -qF -- "$who" "$scratch/err" || fail "$*: does not say that $who asks for the port"
  [ "$(wc -l <"$scratch/err")" -eq 1 ] || fail "$*: more than one line"
}
busy "taken.json:1:35: env_cfg.dist_cfg.port" real taken.json 2
busy "--cfg-options" real c.json 2 --cfg-options "env_cfg.dist_cfg.port=$taken"
export MASTER_PORT="$taken"
busy "MASTER_PORT" real c.json 2
unset MASTER_PORT
export PORT="$taken"
busy "PORT of dist_train.sh" real c.json 2
unset PORT
kill $holder
wait $holder 2>/dev/null # which says that it was ended
exit $failed
