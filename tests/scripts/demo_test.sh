#!/bin/sh
# scripts/demo.sh with a stub for the build and one for the host, which records its arguments; what it tells people to type is typed.
#   demo_test.sh BUILD_FOLDER SOURCE
. "$(dirname "$0")/common.sh"
tree="$scratch/a tree"
# Absolute: a relative one would name the stub from its own folder, which would then call itself for ever.
REAL_HOST=$(cd "$1" && pwd)/bin/selfsup-host
export SCRATCH="$scratch" REAL_HOST
mkdir -p "$tree/scripts" "$tree/build/release/bin" "$tree/elsewhere"
cp "$2/scripts/demo.sh" "$tree/scripts/"
cp -R "$2/configs" "$tree/"
cat >"$tree/scripts/build.sh" <<'END'
echo "$*" >"$SCRATCH/built"
END
cat >"$tree/build/release/bin/selfsup-host" <<'END'
#!/bin/sh
printf '<%s>' "$@" >"$SCRATCH/arguments"
[ "$1" != inspect ] || exec "$REAL_HOST" "$@" >"$SCRATCH/inspected"
"$REAL_HOST" config "$@" >"$SCRATCH/resolved" 2>"$SCRATCH/refused" || cat "$SCRATCH/refused" >&2
exit "${HOST_EXIT:-0}"
END
chmod +x "$tree/build/release/bin/selfsup-host"
run="$tree/work_dirs/mae_fashion-mnist"
shapes_run="$tree/work_dirs/simclr_shapes"
cd "$tree/elsewhere" || exit 1
demo() {
  rm -f "$scratch/arguments" "$scratch/built" "$scratch/resolved"
  sh "$tree/scripts/demo.sh" "$@" >"$scratch/out" 2>"$scratch/err"
}
passed() { [ "$(cat "$scratch/arguments" 2>/dev/null)" = "$1" ] || fail "the host got $(cat "$scratch/arguments" 2>/dev/null), not $1"; }
resolved() { python3 -c 'import json, sys; c = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$scratch/resolved" "$1"; }
head="<--plugin><mae.so><$tree/configs/mae_fashion-mnist.json>"
shapes_head="<--plugin><simclr.so><$tree/configs/simclr_shapes.json>"

demo || fail "a first run: $(cat "$scratch/err")"
passed "$head<--work-dir><$run>"
[ "$(cat "$scratch/built")" = app ] || fail "built $(cat "$scratch/built"), not app"
cp "$scratch/out" "$scratch/from_elsewhere"

# Each demo by its name, in a folder of its own.
demo mae || fail "demo mae: $(cat "$scratch/err")"
passed "$head<--work-dir><$run>"
demo simclr --seed 1 || fail "demo simclr: $(cat "$scratch/err")"
passed "$shapes_head<--work-dir><$shapes_run><--seed><1>"
grep -qE 'png|html|svg' "$scratch/out" && fail "names pictures that are not there: $(cat "$scratch/out")"
cp "$scratch/out" "$scratch/from_elsewhere_simclr"
demo simlcr
[ $? -eq 2 ] || fail "a demo that is not there: not exit 2"
grep -q '"simlcr"' "$scratch/err" || fail "a demo that is not there is not named"
[ -e "$scratch/built" ] && fail "a demo that is not there: builds first"

# What the run has drawn is named, and nothing else.
mkdir drawn
for name in report.html curve.svg neighbours.png; do : >"drawn/$name"; done
demo simclr --work-dir drawn || fail "a run with pictures: $(cat "$scratch/err")"
[ "$(sed -n 's/^  \([a-z]*\.\(html\|svg\|png\)\) .*/\1/p' "$scratch/out" | tr '\n' ' ')" = 'report.html curve.svg neighbours.png ' ] ||
  fail "the pictures that it names: $(cat "$scratch/out")"

# Somebody's own arguments go on as they are, also with spaces; relative paths are the caller's.
demo --work-dir own --cfg-options 'a.b=x y' train_cfg.max_iters=3 || fail "own arguments: $(cat "$scratch/err")"
passed "$head<--work-dir><own><--cfg-options><a.b=x y><train_cfg.max_iters=3>"
grep -q 'below own:' "$scratch/out" || fail "does not say where everything is: $(cat "$scratch/out")"
for words in '--cfg-options work_dir=kept' --cfg-options=work_dir=kept; do
  # shellcheck disable=SC2086
  demo $words || fail "$words: $(cat "$scratch/err")"
  [ "$(resolved 'c["work_dir"]')" = kept ] || fail "$words: the run goes to $(resolved 'c["work_dir"]')"
  grep -q 'below kept:' "$scratch/out" || fail "$words: does not say where everything is: $(cat "$scratch/out")"
done

# The three commands that it ends with work from where it was typed: the shipped plugin and configuration, and a run three times as long.
(cd "$tree" && sh scripts/demo.sh >"$scratch/from_root" 2>&1)
grep -q 'below work_dirs/mae_fashion-mnist:' "$scratch/from_root" || fail "from the root: $(cat "$scratch/from_root")"
# next_commands OUTPUT PLUGIN HEAD FOLDER TYPE: what the text OUTPUT of a demo says to type next, typed.
next_commands() {
  sed -n '/^Next:/,$s/^  \([^ ]\)/\1/p' "$scratch/$1" >"$scratch/commands"
  [ "$(wc -l <"$scratch/commands")" -eq 3 ] || fail "$1: not three commands: $(cat "$scratch/$1")"
  while read -r line; do
    rm -f "$scratch/resolved" "$scratch/refused" "$scratch/inspected"
    eval "$line" >"$scratch/out" 2>&1 </dev/null || fail "$line: exit $?: $(cat "$scratch/out")"
    case $line in
      *' inspect '*) grep -q "$2" "$scratch/inspected" || fail "$line: $(cat "$scratch/out")" ;;
      *--overwrite*)
        passed "$3<--work-dir><$4><--overwrite><--cfg-options><train_cfg.max_iters=4500><param_scheduler.1.T_max=4425><param_scheduler.1.end=4500>"
        [ "$(resolved '(c["train_cfg"]["max_iters"], [s["end"] for s in c["param_scheduler"]], c["param_scheduler"][1]["T_max"])')" = \
          "(4500, [75, 4500], 4425)" ] || fail "$line: the schedule does not cover the run"
        ;;
      *) [ "$(resolved '(c["model"]["type"], c["train_dataloader"]["dataset"]["type"])')" = "('$5', 'shapes')" ] || fail "$line: $(cat "$scratch/out")" ;;
    esac
  done <"$scratch/commands"
}
next_commands from_elsewhere selfsup.mae "$head" "$run" MAE
next_commands from_elsewhere_simclr selfsup.simclr "$shapes_head" "$shapes_run" SimCLR
cd "$tree" || exit 1
next_commands from_root selfsup.mae "$head" "$run" MAE
cd "$tree/elsewhere" || exit 1

# The run is there already: told before anything is built; --resume and --overwrite are let through.
mkdir -p "$run/checkpoints/epoch_1"
demo
[ $? -eq 2 ] || fail "a used work dir: not exit 2"
[ -e "$scratch/built" ] && fail "a used work dir: builds first"
for word in --resume --overwrite --work-dir "$run"; do
  grep -qF -- "$word" "$scratch/err" || fail "a used work dir: the message lacks $word"
done
for flag in --resume --overwrite --resume=auto; do
  demo $flag || fail "$flag: $(cat "$scratch/err")"
  passed "$head<--work-dir><$run><$flag>"
done

demo simclr || fail "the run of one demo is in the way of the other: $(cat "$scratch/err")"
mkdir -p "$shapes_run/checkpoints/iter_1"
demo simclr
[ $? -eq 2 ] || fail "a used work dir of the other demo: not exit 2"
grep -qF 'demo.sh'\'' simclr --resume' "$scratch/err" || fail "the remedy lacks the demo's name"

# The host's exit code is the demo's; a failed run claims nothing.
for rc in 1 4 75 130; do
  HOST_EXIT=$rc demo --resume
  [ $? -eq $rc ] || fail "exit $rc of the host is not passed on"
  [ -s "$scratch/out" ] && fail "exit $rc: claims to have reached something"
done
# A saved run says what to type to go on: the same words, with --resume for what said how to begin.
mkdir -p own/checkpoints/iter_2
: >own/checkpoints/iter_2/manifest.json
for begin in --overwrite --resume '--resume auto' '--resume own/checkpoints/iter_2' --resume=own/checkpoints/iter_2; do
  # shellcheck disable=SC2086
  HOST_EXIT=130 demo $begin --work-dir "it's own" --cfg-options 'work_dir="x y"' train_cfg.max_iters=300
  line=$(sed -n 's/^demo: .*To go on: //p' "$scratch/err")
  rm -f "$scratch/arguments"
  eval "$line" >"$scratch/out" 2>&1 || fail "$begin: $line: $(cat "$scratch/out")"
  passed "$head<--work-dir><it's own><--cfg-options><work_dir=\"x y\"><train_cfg.max_iters=300><--resume>"
done
exit $failed
