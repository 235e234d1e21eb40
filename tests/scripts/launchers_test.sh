#!/bin/sh
# Real mpirun and torchrun start the program: each rank finds itself, all the same job and place to meet; what is wrong for all is told once;
# and they train what the ranks of our own launcher do. launchers_test.sh BUILD_FOLDER LIBTORCH_FOLDER SOURCE_FOLDER
. "$(dirname "$0")/common.sh"
torch=$2
packages=$3/.deps/test-packages
tiny=$3/tests/scripts/tiny.json
cd "$scratch" || exit 1
unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT PORT SELFSUP_LAUNCHER SELFSUP_JOB SLURM_STEP_ID SELFSUP_HOST
export CUDA_VISIBLE_DEVICES=-1 PATH="$1/bin:$PATH"

# Each rank writes what `env` prints into a file of its own: mixed lines on standard output tell nothing.
cat >rank.sh <<'END'
#!/bin/sh
selfsup-host env "$@" >"table.${OMPI_COMM_WORLD_RANK:-${RANK:-none}}"
END
chmod +x rank.sh
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

cat >run.json <<'END'
{
  "plugins": ["mae.so"],
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64 }, "patch_size": 8 },
    "neck": { "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 }
  },
  "train_dataloader": { "batch_size": 4, "num_workers": 1, "dataset": { "type": "shapes", "size": 32, "image_size": 32 } },
  "train_cfg": { "max_iters": 2 },
  "default_hooks": { "logger": { "interval": 1 }, "checkpoint": { "interval": 2, "by_epoch": false } },
  "report": false,
  "randomness": { "seed": 3 },
  "env_cfg": { "num_threads": 1 }
}
END
losses() { sed -n 's/.*"loss": *\([0-9.e+-]*\).*/\1/p' "$1/metrics.jsonl"; }
sh "$3/scripts/dist_train.sh" run.json 2 --work-dir local >out 2>err || fail "two ranks of our launcher: exit $?"
[ "$(losses local | wc -l)" -eq 2 ] || fail "our launcher's run has other iterations than two: $(losses local)"
# same FOLDER: what the launcher of this name has trained is what ours has, to the last bit.
same() {
  [ "$(losses "$1")" = "$(losses local)" ] || fail "$1: the losses are $(losses "$1"); of our launcher $(losses local)"
  for part in model optimizer; do
    cmp "local/checkpoints/iter_2/$part.safetensors" "$1/checkpoints/iter_2/$part.safetensors" || fail "$1: other bytes of $part than our launcher's"
  done
  grep -qE '"world": *2\b' "$1/checkpoints/iter_2/manifest.json" || fail "$1: its checkpoint is not of two ranks"
}

unchecked=
if command -v mpirun >/dev/null; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  # On this machine alone, and with more ranks than cores if need be.
  mpi() { timeout 300 mpirun --oversubscribe --mca plm isolated --mca oob_tcp_if_include lo --mca btl self,vader -np 2 "$@" >out 2>err; }
  mpi ./rank.sh || fail "mpirun: exit $?"
  tables mpi
  [ "$(row 0 address)" = 127.0.0.1 ] || fail "mpirun: the ranks of one machine meet at $(row 0 address)"
  job=$(row 0 job) port=$(row 0 port)
  mpi ./rank.sh || fail "mpirun again: exit $?"
  [ "$(row 0 job)" != "$job" ] || fail "two jobs of mpirun are both the job $job"
  [ "$(row 0 port)" != "$port" ] || fail "two jobs of mpirun both have the port $port"
  MASTER_PORT=29765 mpi ./rank.sh --launcher mpi || fail "mpirun with --launcher and MASTER_PORT: exit $?"
  [ "$(row 1 port)" = 29765 ] || fail "mpirun: MASTER_PORT has no effect: $(row 1 port)"
  mpi selfsup-host "$tiny" --cfg-options train_cfg.max_epoks=1
  told_once mpirun
  mpi ./rank.sh --launcher none || fail "mpirun with --launcher none: exit $?"
  [ "$(row 0 launcher)" = none ] || fail "--launcher none: $(row 0 launcher)"
  mpi selfsup-host run.json --work-dir mpirun || fail "mpirun of a run: exit $?"
  same mpirun
else
  unchecked="mpirun is not installed"
fi
rm -f table.*

# A virtual environment with torchrun in it. The wheel of LibTorch's folder is a whole torch, but for libraries of CUDA, for which others
# stand in, in that Python alone; what it imports is among the packages of the tests.
python3 "$3/tests/scripts/cuda_stand_ins.py" "$torch/lib" stand_ins >out 2>err || fail "the stand-ins"
python3 -m venv --without-pip venv >out 2>err || fail "no virtual environment"
for site in venv/lib/python3*/site-packages; do
  printf '%s\n' "$(dirname "$torch")" "$packages" "import ctypes, glob; list(map(ctypes.CDLL, glob.glob('$scratch/stand_ins/*.so*')))" >"$site/torch.pth"
done
cat >venv/bin/torchrun <<END
#!$scratch/venv/bin/python3
import sys
from torch.distributed.run import main
sys.exit(main())
END
chmod +x venv/bin/torchrun
if PYTHONDONTWRITEBYTECODE=1 venv/bin/python3 -c 'import torch.distributed.run' >out 2>err; then
  torchrun() { PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 timeout 300 venv/bin/torchrun --no-python --nproc-per-node 2 "$@" >out 2>err; }
  torchrun --standalone ./rank.sh || fail "torchrun: exit $?"
  tables pytorch
  [ "$(row 0 store)" = "torchrun's" ] || fail "torchrun: the ranks do not meet in its own store"
  free=$(free_ports 1)
  torchrun --master-port "$free" ./rank.sh --launcher pytorch || fail "torchrun --master-port: exit $?"
  tables pytorch
  [ "$(row 1 port)" = "$free" ] || fail "torchrun --master-port $free: the ranks meet at $(row 1 port)"
  torchrun --standalone selfsup-host "$tiny" --cfg-options train_cfg.max_epoks=1
  told_once torchrun
  torchrun --standalone selfsup-host run.json --work-dir torchrun || fail "torchrun of a run: exit $?"
  same torchrun
else
  tail -n 1 err
  unchecked="$unchecked; torchrun cannot be imported"
fi
[ -z "$unchecked" ] || [ $failed -ne 0 ] || {
  echo "not all was checked: $unchecked"
  exit 77
}
exit $failed
