#!/bin/sh
# Sets up, builds, and trains: a small masked autoencoder on Fashion-MNIST (60,000 real images, from a Debian package), or SimCLR on
# synthetic shapes, which need no files.
#
#   sh scripts/demo.sh [mae | simclr] [flags of selfsup-host]       as in: sh scripts/demo.sh --resume
#                                                                          sh scripts/demo.sh simclr --seed 1 --work-dir my_run
#                                                                          sh scripts/demo.sh mae --cfg-options train_cfg.max_iters=300
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
host=$root/build/release/bin/selfsup-host

# The words as a shell takes them, each after a blank.
quoted() {
  for word in "$@"; do
    case $word in
      '' | *[!A-Za-z0-9_./=:,+@%-]*) printf " '%s'" "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")" ;;
      *) printf ' %s' "$word" ;;
    esac
  done
}
# A path below the folder where the user stands, without that folder.
from_here() { printf '%s' "${1#"$PWD/"}"; }

demo="sh$(quoted "$0")"
algorithm=mae
case ${1-} in
  mae | simclr)
    algorithm=$1
    demo="$demo $1"
    shift
    ;;
  '' | -*) ;;
  *)
    echo "demo: there is no demo \"$1\"; there are mae (which is the one without a name) and simclr" >&2
    exit 2
    ;;
esac
case $algorithm in
  mae) run=mae_fashion-mnist ;;
  simclr) run=simclr_shapes ;;
esac
config=$root/configs/$run.json
plugin=$algorithm.so

# Where the run goes, whether the arguments say what to do with one that is there, and the arguments without that.
work_dir=
work_dir_of_config=
again=
rest=
previous=
for argument in "$@"; do
  case $argument in
    --work-dir=*) work_dir=${argument#--work-dir=} ;;
    work_dir=* | --cfg-options=work_dir=*) work_dir_of_config=${argument#*work_dir=} ;;
  esac
  [ "$previous" != --work-dir ] || work_dir=$argument
  case $argument in
    --resume | --resume=* | --overwrite) again=1 ;;
    *) [ "$previous" = --resume ] && { [ "$argument" = auto ] || [ -e "$argument/manifest.json" ]; } || rest="$rest$(quoted "$argument")" ;;
  esac
  previous=$argument
done
[ -n "$work_dir$work_dir_of_config" ] || set -- --work-dir "$root/work_dirs/$run" "$@"
work_dir=${work_dir:-${work_dir_of_config:-$root/work_dirs/$run}}

# Before a minute of building: a run that is there is neither lost nor silently continued.
if [ -z "$again" ] && [ -n "$(ls -A "$work_dir/checkpoints" 2>/dev/null)" ]; then
  cat >&2 <<END_OF_TEXT
demo: $work_dir already holds a run. Say what to do with it:
  $demo$rest --resume       go on where it stopped, exactly
  $demo$rest --overwrite    move it aside and start anew
  or keep it, and give this run another place: --work-dir FOLDER
END_OF_TEXT
  exit 2
fi

sh "$root/scripts/build.sh" app

# --resume takes a next word, so the configuration stands before the flags.
rc=0
"$host" --plugin "$plugin" "$config" "$@" || rc=$?

case $rc in
  0) ;;
  75 | 130)
    echo "demo: stopped and saved. To go on: $demo$rest --resume" >&2
    exit $rc
    ;;
  *) exit $rc ;;
esac

# What it reached is the host's own last words, the table above.
program=$(quoted "$(from_here "$host")")
program=${program# }
echo
echo "Where everything is, below $(from_here "$work_dir"):"
# written FILE TEXT: a line of a picture, if the run has drawn it.
written() { [ ! -e "$work_dir/$1" ] || printf '  %-21s %s\n' "$1" "$2"; }
written report.html "the run in one page, for a browser: curves, pictures, settings"
written curve.svg "loss, and nearest neighbours in percent"
written views.png "images, and what training sees of them"
written neighbours.png "test images, and what is nearest by the features"
written reconstruction.png "original, masked, reconstruction"
cat <<END_OF_TEXT
  checkpoints/          what --resume and --load-from take
  config.json           every setting of this run; metrics.jsonl, run.log: its course
Next:
  $program inspect $plugin
      what the plugin is, brings and needs
  $program --plugin $plugin$(quoted "$(from_here "$root/configs/shapes.json")")
      the same plugin with a file that names data and nothing else
  $demo --overwrite --cfg-options train_cfg.max_iters=4500 param_scheduler.1.T_max=4425 param_scheduler.1.end=4500
      train three times as long
END_OF_TEXT
