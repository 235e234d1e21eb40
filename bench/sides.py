"""What the benchmarks share: processes that take turns, and the intervals of their ratios."""
import json
import os
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path


def interval(ratios):
    """Median and the 95 % interval of the median, by bootstrap."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(4000))
    return statistics.median(ratios), medians[100], medians[3899]


def machine():
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M).group(1)
    return f"{model}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.2f}"


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

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def quit(self):
        answer = self.ask("quit")
        self.process.stdin.close()
        self.process.wait()
        return answer
