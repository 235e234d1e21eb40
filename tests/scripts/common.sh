# Sourced first by the tests here. A test notes what is wrong with `fail`, goes on, and ends with `exit $failed`.
set -u

# A folder that goes at the end.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# free_ports N: as many ports that nobody has, of those that the system does not give to whoever asks for any; so they stay free, but for
# somebody who wants one of them by its number.
free_ports() {
  python3 - "$1" <<'END'
import random, socket, sys
least = int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])
held = []
while len(held) < int(sys.argv[1]):
    one = socket.socket()
    try:
        one.bind(("0.0.0.0", random.randrange(10000, min(least, 29000))))
        held.append(one)
    except OSError:
        pass
print(*(one.getsockname()[1] for one in held))
END
}

# until_true COMMAND...: waits until it succeeds, for five minutes.
until_true() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 1500 ] || return 1
    sleep 0.2
  done
}

# fail WORDS...: says so, with the end of what the program said last: its messages, which are in err if they are apart from its output.
failed=0
fail() {
  echo "FAILED: $*"
  if [ -f "$scratch/err" ]; then tail -n 5 "$scratch/err"; elif [ -f "$scratch/out" ]; then tail -n 5 "$scratch/out"; fi
  # shellcheck disable=SC2034 # the last line of each test takes it
  failed=1
}
