#!/bin/sh
# Every command of docs/pretrain.md trains, typed as it stands, and docs/pretrain.zh-CN.md has the same commands. A small model on the CPU is under
# the name of the configuration that the page has. Two machines are two folders. No cluster is at hand: srun, torchrun and mpirun are
# stand-ins that start processes with the variables that these set; slurm_test.sh and launchers_test.sh run the real ones.
#   tutorial_test.sh BUILD_FOLDER SOURCE_FOLDER
#
# Where the kernel allows it all of this is in a network of its own, in which the page's ports are free and its address is this machine's.
# Elsewhere free ports and an address of the machine take their place.
network='ip link set lo up && ip link add machine type veth peer name wire && ip link set wire up && ip link set machine up &&
  ip addr add 10.1.1.1/24 dev machine'
if [ -z "${TUTORIAL_NETWORK:-}" ]; then
  for flags in -n -Urn; do
    unshare "$flags" sh -c "$network" 2>/dev/null || continue
    # shellcheck disable=SC2016 # its own words
    TUTORIAL_NETWORK=own exec unshare "$flags" sh -c "$network"' && exec sh "$@"' sh "$0" "$@"
  done
fi
. "$(dirname "$0")/common.sh"
build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
name=mae_vit-base-p16_8xb512-coslr-400e_in1k
config=configs/selfsup/mae/$name.json
for variable in $(env | sed -n 's/^\(\(SLURM\|OMPI\|PMIX\|TORCHELASTIC\|MASTER\|LOCAL\)_[A-Za-z0-9_]*\)=.*/\1/p') \
  SELFSUP_HOST SELFSUP_PLUGIN_PATH SELFSUP_LAUNCHER SELFSUP_JOB SELFSUP_NO_GRES NNODES NODE_RANK PORT RANK WORLD_SIZE GPUS GPUS_PER_NODE CPUS_PER_TASK SRUN_ARGS CUDA_VISIBLE_DEVICES; do
  unset "$variable"
done

# --- the pages -------------------------------------------------------------------------------------------------------------
# blocks PAGE FOLDER: what is in ```sh into FOLDER/01.sh, FOLDER/02.sh, …, with its line in 01.line; all fenced text into FOLDER/all.
# A fence of another kind would be a command that nobody runs.
blocks() {
  mkdir "$2"
  awk -v to="$2/" '
    /^ *```/ && !inside {
      inside = 1; kind = $0
      if (kind != "```sh" && kind != "```text") { printf "line %d: %s\n", FNR, kind; wrong = 1 }
      if (kind == "```sh") { file = sprintf("%s%02d", to, ++n); print FNR >(file ".line") }
      print kind >(to "all"); next
    }
    /^ *```/ { inside = 0; next }
    inside { print >(to "all") }
    inside && kind == "```sh" { print >(file ".sh") }
    END { exit inside || wrong }' "$1" || fail "$1: a fence that is neither sh nor text, or never ends"
}
blocks "$source/docs/pretrain.md" "$scratch/en"
blocks "$source/docs/pretrain.zh-CN.md" "$scratch/zh"
diff "$scratch/en/all" "$scratch/zh/all" || fail "the two pages have other blocks"
for page in pretrain.md pretrain.zh-CN.md; do
  sed -n 's/^\(##*\) .*/\1/p' "$source/docs/$page" >"$scratch/$page.headings"
done
diff "$scratch/pretrain.md.headings" "$scratch/pretrain.zh-CN.md.headings" || fail "the two pages have other sections"

# --- the place -------------------------------------------------------------------------------------------------------------
machine=10.1.1.1
if [ "${TUTORIAL_NETWORK:-shared}" != own ]; then
  # An address is this machine's own if packets to elsewhere would leave with it; none is sent.
  machine=$(python3 -c '
import socket
outward = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    outward.connect(("192.0.2.1", 9))
    print(outward.getsockname()[0])
except OSError:
    pass')
  # shellcheck disable=SC2046 # two words
  set -- $(free_ports 2)
  one=$1 two=$2
  sed -i "s/29500/$one/g; s/29501/$two/g; s/10\.1\.1\.1/${machine:-10.1.1.1}/g" "$scratch"/en/*.sh
fi

# A tree as the reader has it, but for the model.
make_tree() {
  mkdir -p "$1/build" "$1/configs/selfsup/mae"
  ln -s "$build" "$1/build/release"
  cp -R "$source/scripts" "$1/scripts"
  cat >"$1/$config" <<END
{
  "_base_": "$source/$config",
  "model": {
    "backbone": { "arch": { "embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64 }, "img_size": 32, "patch_size": 8 },
    "neck": { "patch_size": 8, "embed_dim": 32, "decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2 },
    "head": { "patch_size": 8 }
  },
  "train_dataloader": {
    "batch_size": 2,
    "num_workers": 0,
    "dataset": { "pipeline": [{ "type": "RandomResizedCrop", "size": 32, "scale": [0.2, 1.0] }] }
  },
  "train_cfg": { "max_epochs": 1 },
  "device": "cpu",
  "env_cfg": { "num_threads": 1 },
  "default_hooks": { "logger": { "interval": 1 } },
  "report": false
}
END
}
tree="$scratch/tree"
make_tree "$tree"

# The stand-ins. Each notes its words in $scratch/NAME.
mkdir "$scratch/tools"
cat >"$scratch/tools/srun" <<'END'
#!/bin/sh
program=${0##*/}
echo "$*" >>"${0%/tools/*}/$program"
tasks=1 per_node=
while :; do
  case $1 in
    --ntasks=* | --nproc-per-node=*) tasks=${1#*=} ;;
    --ntasks | --nproc-per-node | -np) tasks=$2 && shift ;;
    --ntasks-per-node=*) per_node=${1#*=} ;;
    -p | -J | --partition | --job-name | --gres) shift ;;
    -*) ;;
    *) break ;;
  esac
  shift
done
per_node=${per_node:-$tasks}
nodes=$(((tasks + per_node - 1) / per_node))
case $program in
  srun)
    list=$(hostname)
    [ $nodes -eq 1 ] || list=$MACHINE,10.1.1.2
    counts="$per_node(x$nodes)"
    [ $nodes -gt 1 ] || counts=$per_node
    export SLURM_JOB_ID=$$ SLURM_STEP_ID=0 SLURM_NTASKS="$tasks" SLURM_STEP_NUM_TASKS="$tasks" SLURM_NNODES=$nodes SLURM_JOB_NUM_NODES=$nodes \
      SLURM_STEP_NUM_NODES=$nodes SLURM_NODELIST="$list" SLURM_JOB_NODELIST="$list" SLURM_STEP_NODELIST="$list" \
      SLURM_TASKS_PER_NODE="$counts" SLURM_STEP_TASKS_PER_NODE="$counts"
    ;;
  torchrun)
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    export WORLD_SIZE="$tasks" LOCAL_WORLD_SIZE="$tasks" MASTER_ADDR=127.0.0.1 MASTER_PORT="$port" TORCHELASTIC_RUN_ID=$$
    ;;
  mpirun) export OMPI_COMM_WORLD_SIZE="$tasks" OMPI_COMM_WORLD_LOCAL_SIZE="$tasks" PMIX_NAMESPACE=prterun-$$@1 ;;
esac
rank=0 ranks=
while [ $rank -lt "$tasks" ]; do
  local=$((rank % per_node))
  case $program in
    srun) SLURM_PROCID=$rank SLURM_LOCALID=$local SLURM_NODEID=$((rank / per_node)) "$@" & ;;
    torchrun) RANK=$rank LOCAL_RANK=$local "$@" & ;;
    mpirun) OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_LOCAL_RANK=$local "$@" & ;;
  esac
  ranks="$ranks $!"
  rank=$((rank + 1))
done
rc=0
for rank in $ranks; do wait "$rank" || rc=$?; done
exit $rc
END
chmod +x "$scratch/tools/srun"
cp "$scratch/tools/srun" "$scratch/tools/torchrun"
cp "$scratch/tools/srun" "$scratch/tools/mpirun"
export MACHINE="$machine" PATH="$scratch/tools:$PATH"

# --- how a block is run ----------------------------------------------------------------------------------------------------
number=0
# next WORDS...: $block is the next one of the page; it must hold these, so that this file and the page keep in step.
next() {
  number=$((number + 1))
  block="$scratch/en/$(printf %02d "$number")"
  for words in "$@"; do
    grep -qF -- "$words" "$block.sh" || fail "block $number of docs/pretrain.md is not the one with $words"
  done
  rm -rf "$tree/work_dirs" "$tree/runs"
}
# typed [BLOCK [TREE]]: a shell that is given the block, in the root of the tree; its words in out.
typed() {
  (cd "${2:-$tree}" && exec timeout -k 10 200 sh -e "${1:-$block}.sh") >"$scratch/out${2:+.2}" 2>&1 ||
    fail "docs/pretrain.md:$(cat "${1:-$block}.line"): exit $?"
}
# trained FOLDER RANKS [WORDS...]: a run of that many ranks came to its end there, and its log has these words.
trained() {
  where=$1 ranks=$2
  shift 2
  manifest=$(find "$tree/$where/checkpoints" -name manifest.json 2>/dev/null | sort | tail -n 1)
  grep -qsE "\"world\": *$ranks\b" "${manifest:-/dev/null}" || fail "block $number: no checkpoint of $ranks ranks in $where"
  for words in 'done: ' "$@"; do
    grep -qs -- "$words" "$tree/$where/run.log" || fail "block $number: run.log of $where has no word of: $words"
  done
  for process in /proc/[0-9]*; do
    case $(readlink "$process/cwd" 2>/dev/null) in
      "$scratch"/tree*) fail "block $number leaves process ${process#/proc/}: $(tr '\0' ' ' <"$process/cmdline")" ;;
    esac
  done
}
default=work_dirs/$name

# --- the page --------------------------------------------------------------------------------------------------------------
next 'export PATH='
cd "$tree" || exit 1
# shellcheck disable=SC1090 # a block of the page
. "$block.sh"
cd / || exit 1
[ "$(command -v selfsup-host)" = "$tree/build/release/bin/selfsup-host" ] || fail "selfsup-host is not found by its short name"
next make_imagenet.py
typed
[ -s "$tree/data/imagenet/meta/train.txt" ] || fail "no images"

next "selfsup-host $config"
typed
trained "$default" 1
next CUDA_VISIBLE_DEVICES=1 --amp --resume
typed
trained runs/one 1 'resuming from .*epoch_2'
next CUDA_VISIBLE_DEVICES=-1
typed
trained "$default" 1
next "dist_train.sh $config 4"
typed
trained "$default" 4
next "dist_train.sh $config 2" --amp --resume
typed
trained runs/two 2 'resuming from .*epoch_2'
next CUDA_VISIBLE_DEVICES=-1 "dist_train.sh $config 2"
typed
trained "$default" 2
next optim_wrapper.optimizer.lr=1.2e-3
typed
trained "$default" 4 'lr 0.0012 is taken as it stands'
next --auto-scale-lr
typed
trained "$default" 4
# As the page has it, but for the numbers.
digits() { sed -n 's/^.*\(auto_scale_lr: .*\)/\1/p' "$1" | sed 's/[0-9][0-9.e-]*/N/g' | sort -u; }
[ "$(digits "$tree/$default/run.log")" = "$(digits "$source/docs/pretrain.md" | grep '^auto_scale_lr: lr')" ] ||
  fail "the log says: $(grep auto_scale_lr "$tree/$default/run.log")"

next NODE_RANK=0 MASTER_ADDR
first=$block
next NODE_RANK=1 MASTER_ADDR
if [ -n "$machine" ]; then
  other="$scratch/tree of another machine"
  make_tree "$other"
  cp -R "$tree/data" "$other/"
  (typed "$block" "$other" && exit $failed) &
  typed "$first"
  wait $! || failed=1
  trained "$default" 4
  [ -z "$(find "$other/$default" -name run.log -o -name manifest.json 2>/dev/null)" ] || fail "the second machine writes a log or a checkpoint"
else
  echo "not run: the commands of two machines, because this one has no address but 127.0.0.1 and cannot make itself one"
fi

next GPUS=2 slurm_train.sh
typed
trained "$default" 2
for words in '-p gpu' --job-name=mae --gres=gpu:2 --ntasks=2 --ntasks-per-node=2 --cpus-per-task=5 --kill-on-bad-exit=1; do
  grep -qF -- "$words" "$scratch/srun" || fail "srun is not given $words: $(cat "$scratch/srun")"
done
next GPUS=4 GPUS_PER_NODE=2 SRUN_ARGS
if [ -n "$machine" ]; then
  typed
  trained runs/slurm 4
  for words in --gres=gpu:2 --ntasks=4 --ntasks-per-node=2 --cpus-per-task=4 --time=24:00:00 --exclusive; do
    tail -n 1 "$scratch/srun" | grep -qF -- "$words" || fail "srun is not given $words: $(cat "$scratch/srun")"
  done
fi

# jobs WORDS...: the next block, of two jobs, each of which says that its ranks meet at its own port.
jobs() {
  next "$@"
  typed
  trained runs/a 2
  trained runs/b 2
  ports=$(grep -oE '(PORT=|port=|"port": )[0-9]+' "$block.sh" | grep -oE '[0-9]+')
  [ -n "$ports" ] || fail "block $number: no ports"
  for port in $ports; do
    grep -q "$port" "$scratch/out" || fail "block $number: nothing is said of port $port"
  done
}
jobs PORT= runs/a runs/b
jobs job_a.json job_b.json '"port":' slurm_train.sh
jobs env_cfg.dist_cfg.port= slurm_train.sh

next --launcher
typed
trained "$default" 2
for launcher in torchrun mpirun srun; do
  next "$launcher "
  rm -f "$scratch/$launcher"
  typed
  trained "$default" 2
  [ -s "$scratch/$launcher" ] || fail "$launcher was not called"
done
next --max-restarts
typed
trained "$default" 2

[ "$number" -eq "$(find "$scratch/en" -name '*.sh' | wc -l)" ] || fail "docs/pretrain.md has a block that is not run here"
exit $failed
