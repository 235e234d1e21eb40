"""What the benchmarks share: processes that take turns, and the intervals of their ratios."""
import json
import os
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def interval(ratios):
    """Median and the 95 % interval of the median, by bootstrap."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(4000))
    return statistics.median(ratios), medians[100], medians[3899]


def machine():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1)
    return f"{model}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.2f}"


def peers(build, *others):
    """The version of the build's LibTorch, and a Python that has torch of that version; others: what else it must have (env.sh)."""
    torch = re.search(r"^SELFSUP_TORCH_DIR:[A-Z]*=(.*)$", (build / "CMakeCache.txt").read_text(), re.M).group(1)
    version = re.search(r"__version__ *= *'([0-9.]*)", Path(torch, "version.py").read_text()).group(1)
    python = subprocess.run(["sh", str(ROOT / "bench/env.sh"), version, *others], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return version, python


def bring_up_to_date(build, *targets):
    """Builds what a benchmark runs, where that is the project's own build and not one that the user has named."""
    if build == ROOT / "build/release" and subprocess.run(["sh", str(ROOT / "scripts/build.sh"), "app", "bench_step", *targets]).returncode:
        sys.exit("bench: the build failed (above)")


def own_step(build, case, threads):
    """The command of the host's own side."""
    return [str(build / "bench/bench_step"), "--plugins", str(build / "lib/selfsup/plugins"), "--case", json.dumps(case), "--threads", str(threads)]


def environment(threads, answer=None, tuned=False):
    """What a side runs in. answer: the library that makes MKL take its fast kernels. tuned: with what the host's executable sets for
    itself, whose own sides here are no such executable."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MKL_", "KMP_", "GOMP_", "LD_PRELOAD", "MALLOC_", "GLIBC_"))}
    env.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    if answer:
        env["LD_PRELOAD"] = str(answer)
    if tuned:
        env.update(GOMP_SPINCOUNT="10000", MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_=str(2**62))
    return env


class Side:
    """A process that works on request: a command a line, an answer in JSON a line."""

    def __init__(self, name, command, env, cores, speaks_first=True):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        self.first = self.answer() if speaks_first else None

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"bench: {self.name} ended early, with exit code {self.process.wait()}")
        return json.loads(line)

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command):
        self.say(command)
        return self.answer()

    def quit(self):
        answer = self.ask("quit")
        self.end()
        return answer

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Team:
    """Processes that work at the same time, each on a core of its own."""

    def __init__(self, name, commands, envs, cores):
        self.name = name
        self.members = [Side(f"{name}, process {i}", command, env, {core}, speaks_first=False)
                        for i, (command, env, core) in enumerate(zip(commands, envs, cores))]
        self.first = [member.answer() for member in self.members]

    def ask(self, command):
        for member in self.members:
            member.say(command)
        return [member.answer() for member in self.members]

    def quit(self):
        answers = self.ask("quit")
        for member in self.members:
            member.end()
        return answers
