#!/bin/sh
# Trains with many ranks, which this starts: one for each GPU, or processes on the CPU (--device cpu, CUDA_VISIBLE_DEVICES=-1).
#
#   sh scripts/dist_train.sh CONFIG GPUS [flags of selfsup-host]
#
# GPUS is the number on this machine. From the environment:
#   PORT         where rank 0 listens; absent: the configuration's env_cfg.dist_cfg.port, else MASTER_PORT, else a free one on one
#                machine, 29500 on several
#   NNODES       machines (1): run this on each, with the same NNODES, PORT and MASTER_ADDR
#   NODE_RANK    which of them this is (0), from 0
#   MASTER_ADDR  the machine with NODE_RANK 0, by a name or number that the others reach
#   SELFSUP_HOST the program, if it is not the one beside this script
set -eu

usage() { sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p;}' "$0"; }
case ${1-} in -h | --help) usage && exit 0 ;; esac
if [ $# -lt 2 ]; then
  usage >&2
  exit 2
fi
here=$(CDPATH="" cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)
. "$here/find_host.sh"
config=$1
gpus=$2
shift 2
case $gpus in
  '' | *[!0-9]* | 0*)
    echo "dist_train: GPUS, the second word, is \"$gpus\"; expected the number of ranks on this machine, one for each GPU" >&2
    exit 2
    ;;
esac
exec "$host" train "$config" --launcher local --nproc-per-node="$gpus" --nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}" \
  ${PORT:+"--master-port=$PORT"} ${MASTER_ADDR:+"--master-addr=$MASTER_ADDR"} "$@"
