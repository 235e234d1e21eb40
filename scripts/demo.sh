#!/bin/sh
# Sets up, builds, and trains a small masked autoencoder on Fashion-MNIST (60,000 real images, from a Debian package).
#
#   sh scripts/demo.sh [flags of selfsup-host]       as in: sh scripts/demo.sh --resume
#                                                           sh scripts/demo.sh --work-dir my_run --cfg-options train_cfg.max_iters=300
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
config=$root/configs/mae_fashion-mnist.json
host=$root/build/release/bin/selfsup-host

# Where the run goes, and whether the arguments say what to do with one that is there.
work_dir=$root/work_dirs/mae_fashion-mnist
work_dir_given=
again=
previous=
for argument in "$@"; do
  case $argument in
    --work-dir=*) work_dir=${argument#--work-dir=} work_dir_given=1 ;;
    --resume | --resume=* | --overwrite) again=1 ;;
  esac
  if [ "$previous" = --work-dir ]; then work_dir=$argument work_dir_given=1; fi
  previous=$argument
done

# Before a minute of building: a run that is there is neither lost nor silently continued.
if [ -z "$again" ] && [ -n "$(ls -A "$work_dir/checkpoints" 2>/dev/null)" ]; then
  cat >&2 <<END
demo: $work_dir already holds a run. Say what to do with it:
  sh scripts/demo.sh ${*:+$* }--resume       go on where it stopped, exactly
  sh scripts/demo.sh ${*:+$* }--overwrite    move it aside and start anew
  or keep it, and give this run another place: --work-dir FOLDER
END
  exit 2
fi

sh "$root/scripts/build.sh" app
[ -n "$work_dir_given" ] || set -- --work-dir "$work_dir" "$@"

# --resume takes a next word, so the configuration stands before the flags.
rc=0
"$host" --plugin mae.so "$config" "$@" || rc=$?

here=${work_dir#"$root/"}
case $rc in
  0) ;;
  75 | 130)
    echo "demo: stopped and saved. To go on: sh scripts/demo.sh ${work_dir_given:+--work-dir $here }--resume" >&2
    exit $rc
    ;;
  *) exit $rc ;;
esac

# What it reached is the host's own last words, the table above.
cat <<END

Where everything is, below $here:
  reconstruction.png    original, masked, reconstruction
  checkpoints/          what --resume and --load-from take
  config.json           every setting of this run; metrics.jsonl, run.log: its course
Next:
  build/release/bin/selfsup-host inspect mae.so                         what the plugin is, brings and needs
  build/release/bin/selfsup-host --plugin mae.so configs/shapes.json    the same plugin on pictures made on the fly
  sh scripts/demo.sh --overwrite --cfg-options train_cfg.max_iters=4200 param_scheduler.1.T_max=4125 param_scheduler.1.end=4200
                                                                        train three times as long
END
