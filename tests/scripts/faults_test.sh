#!/bin/sh
# Plugins that go wrong, in the program. What a callback of the C++ layer throws ends the run with 3 before the first step and with 1
# after it, in one line that names component, plugin, callback and what was thrown; so does garbage. What escapes a plugin that does
# without the layer, and a crash, end the process in one such line. faults_test.sh BUILD_FOLDER PLUGIN
. "$(dirname "$0")/common.sh"
host=$1/bin/selfsup-host
plugin=$2
cd "$scratch" || exit 1

cat >run.json <<'END'
{
  "model": { "type": "Thrower" },
  "device": "cpu",
  "randomness": { "seed": 1 },
  "env_cfg": { "num_threads": 1 },
  "train_dataloader": {
    "batch_size": 4,
    "num_workers": 0,
    "dataset": { "type": "shapes", "size": 16, "image_size": 8 },
    "pipeline": [{ "type": "ThrowerTransform" }]
  },
  "train_cfg": { "max_iters": 4 },
  "default_hooks": { "checkpoint": { "interval": 2, "by_epoch": false } }
}
END

# run FAULT ARGUMENTS...: trains with that fault, in a new folder; its messages are in out.
run() {
  fault=$1
  shift
  rm -rf work
  SELFSUP_TEST_FAULT=$fault timeout 60 "$host" --plugin "$plugin" run.json --work-dir work "$@" >out 2>&1
}
# exits CODE FAULT ARGUMENTS...: the run ends with the code.
exits() {
  code=$1
  shift
  run "$@"
  rc=$?
  [ $rc -eq "$code" ] || fail "$*: exit $rc, not $code"
}
# ends CODE TEXT FAULT ARGUMENTS...: the run ends with the code and one error, whose line has the text.
ends() {
  code=$1
  text=$2
  shift 2
  exits "$code" "$@"
  [ "$(grep -c 'error: ' out)" -eq 1 ] || fail "$*: not one error"
  tail -n 1 out | grep -qF "$text" || fail "$*: the last line does not say '$text'"
}
# throws CODE COMPONENT CALLBACK N ARGUMENTS...: ends so, whatever the callback throws at its N-th call.
throws() {
  code=$1
  component=$2
  callback=$3
  n=$4
  shift 4
  for thrown in "std thrown in $callback" "int an exception of type int" \
    "foreign an exception of type (anonymous namespace)::Foreign"; do
    ends "$code" "$component.${callback#*.}: ${thrown#* }" "$callback $n ${thrown%% *}" "$@"
  done
}
model='model (Thrower of test.thrower)'
tokens='tokens (ThrowerTokens of test.thrower)'
maps='maps (ThrowerMaps of test.thrower)'
transform='transform (ThrowerTransform of test.thrower)'

threads=train_dataloader.num_workers=2
probe='probe={"dataset":{"type":"shapes","size":32,"image_size":8},"test_dataset":{"type":"shapes","size":16,"image_size":8},"baselines":false}'

run '' --work-dir whole --cfg-options "$probe" || fail "a run without a fault"
grep 'warning' out && fail "a run without a fault warns"

# Until a first step has been through: the plugin cannot work.
throws 3 'ssp.algorithm/0 (Thrower of test.thrower)' algorithm.schema 1
throws 3 'ssp.backbone.tokens/0 (ThrowerTokens of test.thrower)' tokens.schema 1
throws 3 'ssp.backbone/0 (ThrowerMaps of test.thrower)' maps.schema 1
throws 3 'ssp.transform/0 (ThrowerTransform of test.thrower)' transform.schema 1
throws 3 'ssp.algorithm/0 (Thrower of test.thrower)' defaults 1
throws 3 "$model" algorithm.create 1
throws 3 "$model.create: $tokens" tokens.create 1
throws 3 "$model.create: $maps" maps.create 1
throws 3 "$transform" transform.create 1
throws 3 "$model.create: $tokens" info 1
throws 3 "$model.create: $maps" layers 1
throws 3 "$transform" apply 1
ends 3 "$transform.apply: thrown in apply" 'apply 2 std' --cfg-options $threads # an image of the first batch
throws 3 "$model" on_event 1
ends 3 "$model.on_event: thrown in on_event" 'on_event 2 std' # the first epoch begins
throws 3 "$model" load_state 1 --resume whole/checkpoints/iter_2

ends 3 "$model.training_step: thrown in training_step" 'training_step 1 std' # the first step itself
ends 2 "$model.training_step: asks for what cannot be" 'training_step 1 config'

ends 3 "$model: its loss depends on no trained parameter" 'training_step 1 detached' # in its backward

# After it: the run failed.
throws 1 "$model" training_step 3
throws 1 "$model.training_step: $tokens" embed 3
throws 1 "$model.training_step: $tokens" positions 3
throws 1 "$model.training_step: $tokens" encode 3
throws 1 "$model.training_step: $maps" forward 3
throws 1 "$model" on_event 3 # updated
throws 1 "$model" save_state 1
# One image's features are asked for before the first step, those of the sets when they are due.
throws 3 "$model" features 1 --cfg-options "$probe"
throws 1 "$model" features 2 --cfg-options "$probe"
ends 1 "$transform.apply: thrown in apply" 'apply 10 std' # of the third batch
throws 1 "$transform" apply 10 --cfg-options $threads
ends 1 "$model.training_step: asks for what cannot be" 'training_step 3 config'
ends 1 "$transform.apply: asks for what cannot be" 'apply 10 config'

# Garbage.
ends 3 "$model.create: $tokens.info: 8x8 pixels: dim 0" 'info 1 shape'
ends 3 "$model.create: $maps.layers: layer 'map' has -1 channels" 'layers 1 shape'
ends 1 "$model.training_step: nothing was emitted" 'training_step 2 nothing'
ends 1 "$model.training_step: loss 'loss' must be a floating-point scalar, it is f32 [4, 1, 4]" 'training_step 2 vector'
ends 1 "$model: its loss depends on no trained parameter" 'training_step 2 detached'
ends 1 "$model.training_step: tensor handle 0x" 'training_step 2 stale'
ends 1 "$model.training_step: $tokens.embed: result 'patches' must be [4, any, any], the plugin gave [4]" 'embed 2 shape'
ends 1 "$model.training_step: $tokens.embed: result 'patches': tensor handle 0x" 'embed 2 stale'
ends 1 "$model.training_step: $tokens.positions: result 'patch' must be [1, any, any]" 'positions 2 shape'
ends 1 "$model.training_step: $tokens.encode: result 'result' must be [4, any, any]" 'encode 2 shape'
ends 1 "$model.training_step: $tokens.encode: result 'result': the tensor handle is null" 'encode 2 nothing'
ends 1 "$model.training_step: $maps.forward: tensor handle 0x" 'forward 2 stale'
ends 1 "$model.training_step: $maps.forward: layer 'map' was asked for and not emitted" 'forward 2 nothing'
ends 1 "$model.features: 'pixels' must be f32 [16, C], it is f32 [15, 192]" 'features 2 shape' --cfg-options "$probe"
ends 3 "$model.features: 'pixels' must be f32 [1, C], it is f32 [1, 0]" 'features 1 empty' --cfg-options "$probe"
ends 3 "$model.features: 'pixels' must be f32 [1, C], it is f32 [1, 3, 8, 8]" 'features 1 map' --cfg-options "$probe"

# Whatever a plugin says, it is one line that can be read.
exits 1 'training_step 3 long'
line=$(tail -n 1 out)
[ ${#line} -lt 600 ] || fail "a text of 100 kB: a line of ${#line} characters"
echo "$line" | grep -qF 'begin\x1b[2J\xff xxx' || fail "a text of 100 kB: does not begin as it does"
echo "$line" | grep -qE ' … [0-9]+ characters … x+ end$' || fail "a text of 100 kB: does not end as it does"

# warns TEXT FAULT ARGUMENTS...: the run goes through and says so once.
warns() {
  text=$1
  shift
  run "$@" || fail "$*: exit $?"
  [ "$(grep -c 'warning: ' out)" -eq 1 ] || fail "$*: not one warning"
  grep -qF "warning: $text" out || fail "$*: no warning says '$text'"
}
warns "$model.training_step: 1 grad_push or autocast_push without state_pop; the host puts it back" 'training_step 2 unbalanced'
warns "$model: it holds 50 more tensor handles than 50 steps ago" 'training_step 2 leak' --cfg-options train_cfg.max_iters=60
# A picture that fails is not the run's end.
for thrown in "std thrown in reconstruct" "int an exception of type int" "foreign an exception of type (anonymous namespace)::Foreign"; do
  warns "no reconstruction.png: $model.reconstruct: ${thrown#* }" "reconstruct 1 ${thrown%% *}"
done
for fault in shape empty; do
  warns "no reconstruction.png: $model.reconstruct: 'original' must be floating-point [8, 3, H, W]" "reconstruct 1 $fault"
done
warns "no reconstruction.png: $model.reconstruct: 'original' must be floating-point [8, 3, H, W] flagged IMAGE, it is f32 [8, 2, 8, 8]" 'reconstruct 1 channels'
warns "$model.destroy: thrown in algorithm.destroy" 'algorithm.destroy 1 std'
warns "$tokens.destroy: an exception of type int" 'tokens.destroy 1 int'
warns "$maps.destroy: an exception of type (anonymous namespace)::Foreign" 'maps.destroy 1 foreign'
warns "$transform.destroy: thrown in transform.destroy" 'transform.destroy 1 std'

# dies CODE LINE FAULT ARGUMENTS...: the process ends by a signal, and the line is all that is said about it.
dies() {
  code=$1
  line=$2
  shift 2
  exits "$code" "$@"
  [ "$(grep -cE 'error|terminate|cross|crash' out)" -eq 1 ] || fail "$*: not one line"
  grep -qxF "selfsup-host: plugin test.thrower $line" out || fail "$*: the line does not name plugin and callback"
}
crosses() {
  callback=$1
  shift
  # Where the plugin's own runtime finds the host's handler the run ends as for an error, else the process aborts.
  run "$@"
  case $? in
    3) grep -qE "^error: .*\\.$callback: it let an exception cross into the host: " out || fail "$*: no line names component and callback" ;;
    134)
      grep -qxF "selfsup-host: plugin test.thrower let an exception cross, or aborted (callback $callback); build it on the C++ layer, or catch in every callback" out ||
        fail "$*: the line does not name plugin and callback"
      ;;
    *) fail "$*: exit $?" ;;
  esac
}
crashes() {
  callback=$1
  shift
  dies 139 "crashed with SIGSEGV (callback $callback); run it in a debugger to see where" "$@"
}
for what in std int foreign; do
  crosses training_step "raw_step 1 $what" --cfg-options model.type=RawThrower model.tokens.type=ThrowerTokens model.maps.type=ThrowerMaps
  crosses apply "raw_apply 4 $what" --cfg-options 'train_dataloader.pipeline=[{"type":"RawTransform"}]' $threads
done
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:handle_segv=0" # a sanitizer's report is another text
for what in segv overflow; do
  crashes schema "algorithm.schema 1 $what"
  crashes training_step "training_step 2 $what"
  crashes encode "encode 2 $what" # the innermost one
  crashes apply "apply 4 $what"
  crashes apply "apply 4 $what" --cfg-options $threads
done

# On a thread that a plugin has started it is named by where its code is: what crashed, or what is on the stack.
for what in thread_segv:139:'crashed with SIGSEGV (outside of any callback); run it in a debugger to see where' \
  thread_abort:134:'let an exception out of a thread, or aborted (outside of any callback); catch in every thread that it starts' \
  thread_throw:134:'let an exception out of a thread, or aborted (outside of any callback); catch in every thread that it starts'; do
  rest=${what#*:}
  exits "${rest%%:*}" "training_step 2 ${what%%:*}"
  grep -qxF "selfsup-host: plugin test.thrower ${rest#*:}" out || fail "${what%%:*}: the line does not name the plugin"
done

# What is the process's stays as it was: the working folder, though the paths of images and of the work folder begin there; the modes of
# files; how numbers are rounded; signals.
"$host" views --plugin "$plugin" run.json --out picture.png >out 2>&1 || fail "views"
mkdir images && for n in 1 2 3 4 5 6 7 8; do cp picture.png images/$n.png; done
images='train_dataloader.dataset={"_delete_":true,"type":"image_folder","data_root":"images"}'
umask 022
digest() { (cd work/checkpoints/iter_4 && sha256sum ./*.safetensors); }
run '' --cfg-options "$images" $threads || fail "a run on images: exit $?"
digest >undisturbed
for fault in 'save_state 1 umask' 'save_state 1 raw_chdir' 'reconstruct 1 umask' 'reconstruct 1 raw_chdir' 'training_step 1 chdir' 'apply 3 chdir' 'constructor 1 raw_chdir' 'training_step 1 raw_chdir' 'tokens.create 1 umask' \
  'training_step 1 umask' 'training_step 1 round' 'apply 1 round'; do
  workers=0
  [ "${fault#apply}" = "$fault" ] || workers=2
  run "$fault" --cfg-options "$images" train_dataloader.num_workers=$workers default_hooks.logger.interval=1 || fail "$fault: exit $?"
  [ "$(grep -c 'warning: ' out)" -eq 1 ] || fail "$fault: not one warning"
  grep -q 'warning: plugin test.thrower has ' out || fail "$fault: the plugin is not named"
  digest | cmp -s undisturbed - || fail "$fault: other tensors"
  [ "$(find work -perm 644 -type f | wc -l)" -eq "$(find work -type f | wc -l)" ] || fail "$fault: files of other modes"
  [ "$(find work -perm 755 -type d | wc -l)" -eq "$(find work -type d | wc -l)" ] || fail "$fault: folders of other modes"
  [ ! -e work/bad_files.txt ] || fail "$fault: images are bad"
done
# The code of the process that was started last, which is killed after half a minute.
ends_soon() {
  { sleep 30 && kill -9 "$pid"; } >/dev/null 2>&1 &
  guard=$!
  wait "$pid"
  code=$?
  kill $guard 2>/dev/null
  return $code
}
# stopped_by SIGNAL ITERATION FAULT ARGUMENTS...: starts a long run, and sends the signal when it has come to that iteration.
pid=
trap '[ -z "$pid" ] || kill -9 "$pid"; rm -rf "$scratch"' EXIT
stopped_by() {
  signal=$1 iteration=$2 fault=$3
  shift 3
  rm -rf work
  : >out # the child that writes it may come later
  # A shell's background processes ignore SIGINT, and the host keeps to what it was started with.
  SELFSUP_TEST_FAULT=$fault env --default-signal=INT "$host" --plugin "$plugin" run.json --work-dir work "$@" train_cfg.max_iters=1000000 \
    default_hooks.logger.interval=1 >out 2>&1 &
  pid=$!
  ticks=0
  until grep -qF " $iteration/1000000]" out || [ $ticks -gt 600 ]; do sleep 0.1 && ticks=$((ticks + 1)); done
  kill -"$signal" $pid
  ends_soon
}
for how in ignore block; do
  for asked in TERM:75 INT:130 USR1:75; do
    stopped_by "${asked%:*}" 9 "training_step 2 $how" --cfg-options train_dataloader.num_workers=0
    rc=$?
    [ $rc -eq "${asked#*:}" ] || fail "$how, SIG${asked%:*}: exit $rc"
  done
done

# A transform that hangs keeps nobody from stopping, and nothing from being saved.
stopped_by TERM 3 'apply 21 hang' --cfg-options $threads
rc=$?
pid=
[ $rc -eq 75 ] || fail "a hanging transform: exit $rc"
grep -q 'has not come to an end' out || fail "a hanging transform: not said"
"$host" --plugin "$plugin" run.json --work-dir work --resume --cfg-options train_cfg.max_iters=30 >out 2>&1 || fail "going on after it: exit $?"
grep -q 'resuming from work/checkpoints/iter_' out || fail "a hanging transform: nothing was saved"

# Nor at the first batch of the run, nor at that of an epoch, nor where there is no room to save.
# hangs CODE LINE FAULT ARGUMENTS...: SIGTERM comes a second after that line, when the transform hangs.
hangs() {
  expected=$1 line=$2 fault=$3
  shift 3
  rm -rf work
  : >out
  SELFSUP_TEST_FAULT=$fault "$host" --plugin "$plugin" run.json --work-dir work "$@" >out 2>&1 &
  pid=$!
  ticks=0
  until grep -qF "$line" out || [ $ticks -gt 600 ]; do sleep 0.1 && ticks=$((ticks + 1)); done
  sleep 1
  kill -TERM $pid
  ends_soon
  rc=$?
  pid=
  [ $rc -eq "$expected" ] || fail "$fault, $*: exit $rc, not $expected"
}
hangs 75 'work folder: work' 'apply 2 hang' --cfg-options $threads
grep -q 'stopped before the first iteration' out || fail "a transform that hangs at once: not said"
hangs 75 ' 4/100]' 'apply 20 hang' --cfg-options $threads train_cfg.max_iters=100 default_hooks.checkpoint.interval=100 default_hooks.logger.interval=1
grep -q 'stopped at iteration 4 and saved' out || fail "a transform that hangs as an epoch begins: not saved"

# The end is the host's: a plugin that ends the process is a failure with its name, whatever it says about the status.
# stops CODE TEXT FAULT ARGUMENTS...
stops() {
  code=$1
  text=$2
  shift 2
  exits "$code" "$@"
  [ "$(grep -c 'ended the process' out)" -eq 1 ] || fail "$*: not one line"
  grep -qF "selfsup-host: $text" out || fail "$*: the line does not say '$text'"
}
file=$(basename "$plugin")
for how in exit:0 exit75:75 _exit:0 quick_exit:0; do
  name=${how%:*}
  call="${name%75}(${how#*:})"
  stops 3 "plugin test.thrower ended the process by $call (callback constructors, in $file)" "constructor 1 $name"
  stops 3 "plugin test.thrower ended the process by $call (callback create, in $file)" "algorithm.create 1 $name"
  stops 1 "plugin test.thrower ended the process by $call (callback training_step, in $file)" "training_step 2 $name"
  stops 1 "plugin test.thrower ended the process by $call (callback apply, in $file)" "apply 14 $name" --cfg-options $threads
done
for callback in algorithm.schema defaults tokens.create info layers embed on_event; do
  stops 3 "plugin test.thrower ended the process by exit(0)" "$callback 1 exit"
done
for callback in save_state algorithm.destroy reconstruct; do
  stops 1 "plugin test.thrower ended the process by exit(0)" "$callback 1 exit"
done
stops 1 "$file ended the process by exit(0) (on a thread of its own)" 'training_step 2 thread'
stops 1 'plugin test.thrower ended the process by exit(0) (callback training_step)' 'training_step 2 err'
stops 1 "$file ended the process by _exit(0) (on a thread of its own)" 'training_step 2 terminate' --cfg-options train_cfg.max_iters=1000000
run 'training_step 2 child' || fail "a child process that ends took the run with it: exit $?"
# On the way out the status stays the run's; after an error of its own nothing of a plugin runs any more.
stops 0 "$file ended the process by exit(75)" 'destructor 1 exit75'
ends 2 'train_cfg.max_iters: expected at least 1, found 0' 'destructor 1 exit' --cfg-options train_cfg.max_iters=0
exit $failed
