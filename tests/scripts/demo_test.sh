#!/bin/sh
# scripts/demo.sh with a stub for the build and one for the host, which records its arguments. demo_test.sh SOURCE
set -u
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}
tree="$scratch/a tree"
export SCRATCH="$scratch"
mkdir -p "$tree/scripts" "$tree/build/release/bin" "$tree/elsewhere"
cp "$1/scripts/demo.sh" "$tree/scripts/"
cat >"$tree/scripts/build.sh" <<'END'
echo "$*" >"$SCRATCH/built"
END
cat >"$tree/build/release/bin/selfsup-host" <<'END'
#!/bin/sh
printf '<%s>' "$@" >"$SCRATCH/arguments"
exit "${HOST_EXIT:-0}"
END
chmod +x "$tree/build/release/bin/selfsup-host"
run="$tree/work_dirs/mae_fashion-mnist"
cd "$tree/elsewhere" || exit 1
demo() {
  rm -f "$scratch/arguments" "$scratch/built"
  sh "$tree/scripts/demo.sh" "$@" >"$scratch/out" 2>"$scratch/err"
}
passed() { [ "$(cat "$scratch/arguments" 2>/dev/null)" = "$1" ] || fail "the host got $(cat "$scratch/arguments" 2>/dev/null), not $1"; }
head="<--plugin><mae.so><$tree/configs/mae_fashion-mnist.json>"

demo || fail "a first run: $(cat "$scratch/err")"
passed "$head<--work-dir><$run>"
grep -q 'below work_dirs/mae_fashion-mnist:' "$scratch/out" || fail "does not say where everything is: $(cat "$scratch/out")"
[ "$(cat "$scratch/built")" = app ] || fail "built $(cat "$scratch/built"), not app"

# Somebody's own arguments go on as they are, also with spaces; relative paths are the caller's.
demo --work-dir own --cfg-options 'a.b=x y' train_cfg.max_iters=3 || fail "own arguments: $(cat "$scratch/err")"
passed "$head<--work-dir><own><--cfg-options><a.b=x y><train_cfg.max_iters=3>"

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

# The host's exit code is the demo's; a saved run says how to go on, a failed one claims nothing.
for rc in 1 4 75 130; do
  HOST_EXIT=$rc demo --resume
  [ $? -eq $rc ] || fail "exit $rc of the host is not passed on"
  [ -s "$scratch/out" ] && fail "exit $rc: claims to have reached something"
done
grep -q -- --resume "$scratch/err" || fail "exit 130: does not name --resume"
exit $failed
