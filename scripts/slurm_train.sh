#!/bin/sh
# Trains with many ranks in a job of Slurm's: one task for each GPU.
#
#   sh scripts/slurm_train.sh PARTITION JOB CONFIG [flags of selfsup-host]
#
# From the environment:
#   GPUS           in all (8)
#   GPUS_PER_NODE  on each machine (8, or GPUS where that is less)
#   CPUS_PER_TASK  cores for each (5)
#   PORT           where rank 0 listens; else that of the configuration, MASTER_PORT, or one that follows from the job
#   SRUN_ARGS      more words for srun, apart by blanks
#   SELFSUP_NO_GRES=1         asks Slurm for no GPUs, as does CUDA_VISIBLE_DEVICES=-1: the tasks are processes on the CPU, or the
#                             cluster grants GPUs in another way, which SRUN_ARGS says
#   MASTER_PORT, MASTER_ADDR  where rank 0 listens, if the configuration's env_cfg.dist_cfg.port and the first machine are not meant
#   SELFSUP_HOST              the program, at the same path on all machines, if it is not the one beside this script
set -eu

usage() { sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p;}' "$0"; }
case ${1-} in -h | --help) usage && exit 0 ;; esac
if [ $# -lt 3 ]; then
  usage >&2
  exit 2
fi
here=$(CDPATH="" cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
. "$here/find_host.sh"
partition=$1
job=$2
config=$3
shift 3

# count NAME VALUE: a number that can be counted with.
count() {
  case $2 in
    '' | 0* | *[!0-9]*)
      echo "${0##*/}: $1 is \"$2\", expected a whole number from 1" >&2
      exit 2
      ;;
  esac
}
gpus=${GPUS:-8}
count GPUS "$gpus"
each=8
[ "$gpus" -ge 8 ] || each=$gpus
each=${GPUS_PER_NODE:-$each}
count GPUS_PER_NODE "$each"
cores=${CPUS_PER_TASK:-5}
count CPUS_PER_TASK "$cores"
gres="--gres=gpu:$each"
if [ "${SELFSUP_NO_GRES:-}" = 1 ] || [ "${CUDA_VISIBLE_DEVICES:-}" = -1 ]; then gres=; fi

set -f # --nodelist=node[1-3] names no files
# shellcheck disable=SC2086 # SRUN_ARGS is a list of words
exec srun -p "$partition" --job-name="$job" ${gres:+"$gres"} --ntasks="$gpus" --ntasks-per-node="$each" --cpus-per-task="$cores" \
  --kill-on-bad-exit=1 ${SRUN_ARGS:-} "$host" train "$config" --launcher slurm ${PORT:+"--master-port=$PORT"} "$@"
