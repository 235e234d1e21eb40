#!/bin/sh
# A real Slurm of two machines that are both this one, started here: each task finds itself, a batch script is one process, a job is
# started again under another name, scripts/slurm_train.sh gets what it asks for, and a run that is to leave goes on when it is put back.
#   slurm_test.sh BUILD_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
HOST=$1/bin/selfsup-host
export HOST
scripts=$(cd "$2/scripts" && pwd)
cd "$scratch" || exit 1
for tool in munged slurmctld slurmd srun sbatch scontrol; do
  PATH=$PATH:/usr/sbin command -v $tool >/dev/null || {
    echo "not checked: $tool is not installed"
    exit 77
  }
done
PATH=$PATH:/usr/sbin
for name in $(env | sed -n 's/^\(S[A-Z]*_[A-Z_]*\)=.*/\1/p'); do
  case $name in SLURM_* | SRUN_* | SBATCH_* | SELFSUP_JOB) unset "$name" ;; esac
done
unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT SELFSUP_LAUNCHER GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS
unset SELFSUP_NO_GRES SELFSUP_HOST CUDA_VISIBLE_DEVICES

# --- the daemons -------------------------------------------------------------------------------------------------------

started= # the newest first, which is the order in which they can be stopped
# stop PID: by SIGTERM, and if that takes longer than 20 seconds, by SIGKILL.
# shellcheck disable=SC2317 # called by the trap, as the next
stop() {
  kill "$1" 2>/dev/null
  tries=0
  while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.2
  done
  kill -9 "$1" 2>/dev/null
  wait "$1" 2>/dev/null
}
# Steps are nobody's children, and end by telling slurmctld: while one lives, there is its socket.
# shellcheck disable=SC2317
no_steps() { [ "$(find . -path './spool*' -type s | wc -l)" -eq 0 ]; }
# shellcheck disable=SC2317
stop_all() {
  [ ! -e slurm.conf ] || {
    timeout 20 scancel --quiet --user="$(id -un)"
    until_true no_steps
  } >/dev/null 2>&1
  for pid in $started; do stop "$pid"; done
  # What Slurm could not end has its working folder here.
  cd /
  for process in /proc/[0-9]*; do
    case $(readlink "$process/cwd") in "$scratch" | "$scratch"/*) kill -9 "${process#/proc/}" ;; esac
  done 2>/dev/null
  rm -rf "$scratch"
}
trap stop_all EXIT
trap 'exit 1' INT TERM HUP

# Munge insists on folders that nobody else can write, and so does Slurm on those of its state.
chmod 755 "$scratch"
mkdir -m 700 key state
mkdir -m 755 socket
python3 -c 'import os, sys; sys.stdout.buffer.write(os.urandom(1024))' >key/munge.key
chmod 400 key/munge.key
munged -F --force --key-file="$scratch/key/munge.key" --socket="$scratch/socket/munge" --pid-file="$scratch/key/pid" \
  --log-file="$scratch/key/log" --seed-file="$scratch/key/seed" --num-threads=1 >munged.out 2>&1 &
started="$!"

name=$(hostname -s)
# shellcheck disable=SC2046 # three words
set -- $(free_ports 3)
: >gpu0
: >gpu1
: >gpu2
: >gpu3
cat >slurm.conf <<END
ClusterName=test
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=$1
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$scratch/socket/munge
StateSaveLocation=$scratch/state
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdSpoolDir=$scratch/spool%n
SlurmdPidFile=$scratch/slurmd%n.pid
SlurmdLogFile=$scratch/slurmd%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=$(command -v true)
GresTypes=gpu
NodeName=node[1-2] NodeHostname=$name NodeAddr=127.0.0.1 Port=[$2,$3] CPUs=4 Gres=gpu:2
PartitionName=dummy Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
cat >gres.conf <<END
NodeName=node1 Name=gpu File=$scratch/gpu[0-1]
NodeName=node2 Name=gpu File=$scratch/gpu[2-3]
END
SLURM_CONF=$scratch/slurm.conf
export SLURM_CONF

# shellcheck disable=SC2317
give_up() {
  fail "$1"
  tail -n 15 ./*.log munged.out key/log 2>/dev/null
  exit 1
}
until_true test -S socket/munge || give_up "munged does not start"
slurmctld -D -c -f "$scratch/slurm.conf" >slurmctld.out 2>&1 &
started="$! $started"
for node in node1 node2; do
  slurmd -D -N $node -f "$scratch/slurm.conf" >$node.out 2>&1 &
  started="$! $started"
done
# shellcheck disable=SC2317
both_idle() { [ "$(sinfo -h -N -t idle -o %N | sort -u | wc -l)" -eq 2 ]; }
until_true both_idle || give_up "the two machines do not come up"

# --- the tasks ---------------------------------------------------------------------------------------------------------

# What `env` prints of ranks, in a file for each task.
cat >task.sh <<'END'
#!/bin/sh
"$HOST" env "$@" >"table.$SLURM_PROCID"
END
chmod +x task.sh
row() { sed -n "s/^  $2   *\([^ ]*\) .*/\1/p" "table.$1"; }
numbers() { echo "$(row "$1" launcher) $(row "$1" rank)/$(row "$1" ranks) $(row "$1" 'rank on this machine')/$(row "$1" 'ranks on this machine')"; }
# is WHAT FOUND EXPECTED
is() { [ "$2" = "$3" ] || fail "$1: found '$2', expected '$3'"; }
run() { timeout 300 srun -p dummy --quiet "$@" >out 2>err || fail "srun $*: exit $?"; }

run --nodes=1 --ntasks=2 ./task.sh
is "task 0 of two on one machine" "$(numbers 0)" "slurm 0/2 0/2"
is "task 1 of two on one machine" "$(numbers 1)" "slurm 1/2 1/2"
is "the address on one machine" "$(row 1 address)" 127.0.0.1
is "the job of both" "$(row 1 job)" "$(row 0 job)"
is "the port of both" "$(row 1 port)" "$(row 0 port)"
port=$(row 0 port)
rm table.*

run --nodes=1 --ntasks=2 ./task.sh --launcher slurm
[ "$(row 0 port)" != "$port" ] || fail "two jobs of one machine both have the port $port"
rm table.*

run --nodes=2 --ntasks=3 --distribution=block ./task.sh
is "task 0 of three on two machines" "$(numbers 0)" "slurm 0/3 0/2"
is "task 1 of three on two machines" "$(numbers 1)" "slurm 1/3 1/2"
is "task 2 of three on two machines" "$(numbers 2)" "slurm 2/3 0/1"
is "the address on two machines" "$(row 2 address) $(row 0 address)" "node1 node1"
is "the port on two machines" "$(row 2 port)" 29500
rm table.*

# In a batch script the program is one process; in its step, and under another launcher there, one of several. The second time the job
# has another name.
cat >batch.sh <<'END'
#!/bin/sh
{
  "$HOST" env | grep '^  launcher'
  srun --nodes=1 --ntasks=2 sh -c '"$HOST" env | grep "^  job"' | sort -u
  RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 srun --nodes=1 --ntasks=1 "$HOST" env | grep '^  launcher'
} >"batch.${SLURM_RESTART_COUNT:-0}" 2>&1
touch "done.${SLURM_RESTART_COUNT:-0}"
[ -n "${SLURM_RESTART_COUNT:-}" ] || scontrol requeue "$SLURM_JOB_ID"
[ -n "${SLURM_RESTART_COUNT:-}" ] || sleep 600
END
id=$(sbatch -p dummy --parsable --requeue --nodes=1 --ntasks=4 --output=batch.out batch.sh)
until_true test -e done.0 || give_up "the batch script does not end"
# Slurm waits for two minutes before it starts a job again, unless it is told not to; and slurmd refuses a job that comes in the second
# in which it has ended it.
# shellcheck disable=SC2317
waits() { scontrol show job "$id" | grep -q JobState=PENDING; }
start_again() {
  until_true waits || give_up "the batch script is not put back"
  sleep 3
  scontrol update jobid="$id" StartTime=now || give_up "the batch script may not start at once"
}
start_again
until_true test -e done.1 || give_up "the batch script does not start again"
for count in 0 1; do
  grep -q '^  launcher  none .*a batch script of Slurm.s; srun would start its 4 tasks' batch.$count || fail "start $count: the batch script is not one process"
  grep -q '^  launcher .*pytorch .*RANK and WORLD_SIZE; not SLURM_STEP_ID' batch.$count || fail "start $count: RANK and WORLD_SIZE in a step do not count"
done
is "jobs of one step" "$(grep -c '^  job' batch.0)" 1
grep -q "^  job  *slurm-$id\.0 " batch.0 || fail "the job's name is: $(grep '^  job' batch.0)"
grep -q "^  job  *slurm-$id\.0/1 " batch.1 || fail "the job's name after a restart is: $(grep '^  job' batch.1)"
[ $failed -eq 0 ] || cat batch.0 batch.1 batch.out

# --- scripts/slurm_train.sh --------------------------------------------------------------------------------------------

cat >"stub host" <<'END'
#!/bin/sh
{
  for word in "$@"; do echo "<$word>"; done
  echo "$SLURM_STEP_NUM_TASKS $SLURM_NNODES $SLURM_CPUS_PER_TASK $SLURM_JOB_NAME"
} >"$FOLDER/words.$SLURM_PROCID"
[ "$SLURM_PROCID" != 0 ] || scontrol show job "$SLURM_JOB_ID" >"$FOLDER/job"
# Task 1 is the first to end, and another has something to do after it.
case $FAILS in
  3) [ "$SLURM_PROCID" != 1 ] || exit 3 && exec sleep 600 ;;
  75)
    while [ "$SLURM_PROCID" = 1 ]; do [ ! -e "$FOLDER/listens" ] || exit 75 && sleep 0.1; done
    exec python3 -c 'if True:
      import os, signal, sys
      signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
      open(os.environ["FOLDER"] + "/listens", "w")
      signal.sigwait([signal.SIGTERM])
      sys.exit(75)'
    ;;
esac
END
chmod +x "stub host"
mkdir elsewhere
export FOLDER="$scratch" FAILS=''
train() { (cd elsewhere && SELFSUP_HOST="$scratch/stub host" timeout 300 sh "$scripts/slurm_train.sh" "$@" >../out 2>../err); }
GPUS=4 GPUS_PER_NODE=2 CPUS_PER_TASK=1 SRUN_ARGS="--quiet --distribution=block" train dummy "a job" "my config.json" --cfg-options "a='x y'" || fail "slurm_train.sh: exit $?"
for rank in 0 1 2 3; do
  { printf '<%s>\n' train "my config.json" --launcher slurm --cfg-options "a='x y'" && echo "4 2 1 a job"; } >expected
  cmp -s "words.$rank" expected || fail "slurm_train.sh: rank $rank was given: $(tr '\n' ' ' <"words.$rank")"
done
grep -q 'gres:gpu:2' job || fail "slurm_train.sh asks for no GPUs: $(cat job)"
rm words.*
SELFSUP_NO_GRES=1 GPUS=4 CPUS_PER_TASK=1 train dummy job c.json || fail "slurm_train.sh without GPUs: exit $?"
grep -q '^4 1 1 job$' words.3 || fail "slurm_train.sh without GPUs: $(tail -n 1 words.3)"
grep -q 'gres' job && fail "slurm_train.sh asks for GPUs in spite of SELFSUP_NO_GRES: $(cat job)"
rm words.*
# One that fails ends all, and is named by srun, whose exit code is the highest of all.
FAILS=3
SELFSUP_NO_GRES=1 GPUS=2 CPUS_PER_TASK=1 train dummy job c.json && fail "a task failed: exit 0"
grep -q "task 1: Exited with exit code 3" err || fail "a task failed: srun says $(cat err)"
# Of tasks that stop and save, the last gets SIGTERM when the first has ended; if it does not end by that, srun's code is theirs.
FAILS=75
SELFSUP_NO_GRES=1 GPUS=2 CPUS_PER_TASK=1 train dummy job c.json
is "the exit code of tasks that stopped and saved" $? 75

# --- a run that is to leave ------------------------------------------------------------------------------------------------

# As docs/pretrain.md has it. The second start ends by itself, three iterations after the first.
cat >run.json <<'END'
{
  "plugins": ["mae.so"],
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64 }, "patch_size": 8 },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 8, "num_workers": 1, "dataset": { "type": "shapes", "size": 64, "image_size": 32 } },
  "param_scheduler": [],
  "report": false,
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 1000000, "by_epoch": false } },
  "randomness": { "seed": 3 },
  "device": "cpu",
  "env_cfg": { "num_threads": 1 }
}
END
cat >train.sh <<'END'
#!/bin/sh
start=${SLURM_RESTART_COUNT:-0}
iters=1000000
[ "$start" = 0 ] || iters=$(($(ls run/checkpoints | sed 's/iter_//') + 3))
srun "$HOST" run.json --work-dir run --resume --cfg-options train_cfg.max_iters=$iters >"train.$start" 2>&1
code=$?
[ $code -ne 75 ] || scontrol requeue "$SLURM_JOB_ID"
echo $code >"code.$start.tmp" && mv "code.$start.tmp" "code.$start"
[ $code -ne 75 ] || sleep 600
END
id=$(sbatch -p dummy --parsable --requeue --nodes=1 --ntasks=2 --output=batch.out train.sh)
until_true grep -qs 'Iter(train)' train.0 || give_up "training under Slurm does not begin: $(cat train.0 batch.out)"
scancel --signal=USR1 "$id"
until_true test -e code.0 || give_up "training under Slurm does not stop: $(tail -n 5 train.0)"
is "the exit code of a run that was to leave" "$(cat code.0)" 75
start_again
until_true test -e code.1 || give_up "training does not go on: $(tail -n 5 train.1)"
is "the exit code of the run that goes on" "$(cat code.1)" 0
grep -q "resuming from run/checkpoints/iter_" run/run.log || fail "the run begins anew: $(tail -n 5 train.1)"
grep -q "slurm-$id\.[0-9]*/1 .*SLURM_RESTART_COUNT" run/run.log || fail "the log does not name the job's second start: $(grep '  job' run/run.log)"
exit $failed
