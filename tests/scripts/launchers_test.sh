#!/bin/sh
# Real mpirun and torchrun start the program: each rank finds itself, and all the same job and place to meet; what is wrong for all is told
# once.
#   launchers_test.sh BUILD_FOLDER LIBTORCH_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
torch=$2
packages=$3/.deps/test-packages
tiny=$3/tests/scripts/tiny.json
cd "$scratch" || exit 1
unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT SELFSUP_LAUNCHER SELFSUP_JOB SLURM_STEP_ID

# Each rank writes what `env` prints into a file of its own: mixed lines on standard output tell nothing.
cat >rank.sh <<'END'
#!/bin/sh
unset LD_LIBRARY_PATH
"$HOST" env "$@" >"table.${OMPI_COMM_WORLD_RANK:-${RANK:-none}}"
END
chmod +x rank.sh
export HOST="$host"
sed 's/ env "$@".*/ "$@"/' rank.sh >train.sh
chmod +x train.sh
# told_once LAUNCHER: both ranks had a key that nobody knows.
told_once() {
  times=$(cat out err | grep -c 'error: .*max_epoks')
  [ "$times" -eq 1 ] || fail "$1: a mistake of all is told $times times"
}

# row RANK WHAT: the value in its table.
row() { sed -n "s/^  $2   *\([^ ]*\) .*/\1/p" "table.$1"; }
# tables LAUNCHER: two ranks of two on this machine, of one job, at one place.
tables() {
  for rank in 0 1; do
    [ -s "table.$rank" ] || {
      fail "$1: rank $rank has no table"
      continue
    }
    found="$(row $rank launcher) $(row $rank rank) $(row $rank ranks) $(row $rank 'rank on this machine') $(row $rank 'ranks on this machine')"
    [ "$found" = "$1 $rank 2 $rank 2" ] || fail "$1: rank $rank has found: $found"
  done
  for what in job address port; do
    [ -n "$(row 0 $what)" ] || fail "$1: rank 0 has no $what"
    [ "$(row 0 $what)" = "$(row 1 $what)" ] || fail "$1: the ranks have the ${what}s '$(row 0 $what)' and '$(row 1 $what)'"
  done
}

unchecked=
if command -v mpirun >/dev/null; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  # On this machine alone, and with more ranks than cores if need be.
  mpi() { mpirun --oversubscribe --mca plm isolated --mca oob_tcp_if_include lo --mca btl self,vader -np 2 "$@" >out 2>err; }
  mpi ./rank.sh || fail "mpirun: exit $?"
  tables mpi
  [ "$(row 0 address)" = 127.0.0.1 ] || fail "mpirun: the ranks of one machine meet at $(row 0 address)"
  job=$(row 0 job) port=$(row 0 port)
  mpi ./rank.sh || fail "mpirun again: exit $?"
  [ "$(row 0 job)" != "$job" ] || fail "two jobs of mpirun are both the job $job"
  [ "$(row 0 port)" != "$port" ] || fail "two jobs of mpirun both have the port $port"
  MASTER_PORT=29765 mpi ./rank.sh --launcher mpi || fail "mpirun with --launcher and MASTER_PORT: exit $?"
  [ "$(row 1 port)" = 29765 ] || fail "mpirun: MASTER_PORT has no effect: $(row 1 port)"
  mpi ./train.sh "$tiny" --cfg-options train_cfg.max_epoks=1
  told_once mpirun
  mpi ./rank.sh --launcher none || fail "mpirun with --launcher none: exit $?"
  [ "$(row 0 launcher)" = none ] || fail "--launcher none: $(row 0 launcher)"
else
  unchecked="mpirun is not installed"
fi
rm -f table.*

# The wheel of LibTorch's folder is a whole torch, but for libraries of CUDA; what it imports is among the packages of the tests.
python3 "$3/tests/scripts/cuda_stand_ins.py" "$torch/lib" stand_ins >out 2>err || fail "the stand-ins"
torch_python() {
  LD_LIBRARY_PATH=$scratch/stand_ins PYTHONPATH=$(dirname "$torch"):$packages PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 python3 "$@" >out 2>err
}
if torch_python -c 'import torch.distributed.run'; then
  torchrun() { torch_python -m torch.distributed.run "$@"; }
  torchrun --no-python --nproc-per-node 2 --standalone ./rank.sh || fail "torchrun: exit $?"
  tables pytorch
  [ "$(row 0 store)" = "torchrun's" ] || fail "torchrun: the ranks do not meet in its own store"
  free=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  torchrun --no-python --nproc-per-node 2 --master-port "$free" ./rank.sh --launcher pytorch || fail "torchrun --master-port: exit $?"
  tables pytorch
  [ "$(row 1 port)" = "$free" ] || fail "torchrun --master-port $free: the ranks meet at $(row 1 port)"
  torchrun --no-python --nproc-per-node 2 --standalone ./train.sh "$tiny" --cfg-options train_cfg.max_epoks=1
  told_once torchrun
else
  tail -n 1 err
  unchecked="$unchecked; torchrun cannot be imported"
fi
[ -z "$unchecked" ] || [ $failed -ne 0 ] || {
  echo "not all was checked: $unchecked"
  exit 77
}
exit $failed
