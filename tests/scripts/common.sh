# Sourced first by the tests here. A test notes what is wrong with `fail`, goes on, and ends with `exit $failed`.
set -u

# A folder that goes at the end.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# fail WORDS...: says so, with the end of what the program said last: its messages, which are in err if they are apart from its output.
failed=0
fail() {
  echo "FAILED: $*"
  if [ -f "$scratch/err" ]; then tail -n 5 "$scratch/err"; elif [ -f "$scratch/out" ]; then tail -n 5 "$scratch/out"; fi
  # shellcheck disable=SC2034 # the last line of each test takes it
  failed=1
}
