"""The faults of bench/faults: each does one thing to a run of several ranks and says what came of it."""
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fault_runs import PATIENCE, Run, changed, free_port, ports_of, stop_thread, wait_for_traced
from fault_words import Words

PEER, DISAGREE, PREEMPTED = 76, 77, 75
SILENT = 10  # seconds without a sign of life after which a rank has gone; the host's own
HANGS = 20  # seconds: the limit that is given where a rank hangs


@dataclass
class Result:
    """What came of one fault."""
    seconds: float = None  # until the last process was gone
    ranks: str = None      # whom the surviving ranks blame: NAMED, TOGETHER or OTHERS; None: there is no culprit, or they need not
    launcher: bool = None  # whether the launcher's own line names the culprit and nobody else; None: it cannot know
    phases: set = field(default_factory=set)  # what the culprit was doing, as the ranks have it
    orphans: int = 0       # processes that were left
    wrong: list = field(default_factory=list)  # what did not hold


NAMED = "named"  # by every one of them the culprit and nobody else, with its phase
TOGETHER = "all at one place"  # where no rank is behind, all are named
OTHERS = "others"


@dataclass
class Fault:
    title: str
    do: callable
    limit: float     # seconds by which all are to be out; None: there is no such bar
    times: int       # how often, unless that is given
    lacks: callable  # what this machine does not allow; None: nothing


FAULTS = {}


def fault(name, title, limit=None, times=20, lacks=lambda: None):
    def add(do):
        FAULTS[name] = Fault(title, do, limit, times, lacks)
        return do
    return add


@contextmanager
def at_work(bench, *words, trains=True):
    """A run at a random moment, of its training unless trains is false, and the rank that something is to happen to."""
    world = random.choice(bench.worlds)
    with Run(bench) as run:
        run.launch(world, *words)
        if trains:
            run.wait_for_step()
        run.wait_for_ranks(world)
        time.sleep(random.uniform(0, 1))
        yield run, random.randrange(world)


def ended(run, result, codes):
    """Adds to the result what is wrong with the end of a run."""
    if result.seconds is None:
        result.wrong.append(f"not all ended:\n{run.text()[-2000:]}")
    else:
        result.wrong += [f"exit code {code}, not {' or '.join(map(str, codes))}:\n{run.text()[-2000:]}"
                         for code in run.codes() if code not in codes]
    result.orphans = len(run.processes())
    if result.orphans:
        result.wrong.append(f"{result.orphans} processes are left")
    return result


def judge_words(run, result, culprits):
    """culprits: surviving rank -> whom it is to blame."""
    words = Words(run.texts())
    told = {rank: words.blamed_by_rank(rank) for rank in culprits}
    result.phases = set().union(*(words.phases(rank) for rank in culprits))
    if all(told[rank] == {culprit} and words.phases(rank) for rank, culprit in culprits.items()):
        result.ranks = NAMED
    elif any(words.blames_everybody(rank) for rank in culprits):
        result.ranks = TOGETHER
    else:
        result.ranks = OTHERS
        result.wrong.append(f"to blame were {culprits}, told were {told} by the ranks:\n{run.text()[-2000:]}")


def lost(run, culprit, blow):
    """One rank is struck, and all end: the others name it, and so does the launcher."""
    result = ended(run, Result(run.seconds_until_end(blow)), codes=(PEER,))
    judge_words(run, result, {rank: culprit for rank in run.ranks if rank != culprit})
    told = Words(run.texts()).blamed_by_launcher()
    result.launcher = told == {culprit}
    if not result.launcher:
        result.wrong.append(f"rank {culprit} was to blame, the launcher says {sorted(told)}:\n{run.text()[-2000:]}")
    return result


@fault("killed", "a rank is killed (SIGKILL)", limit=2)
def killed(bench):
    with at_work(bench) as (run, rank):
        return lost(run, rank, lambda: run.signal(rank, signal.SIGKILL))


@fault("early", "a rank is killed while the run is set up", limit=2)
def killed_early(bench):
    with at_work(bench, trains=False) as (run, rank):
        result = ended(run, Result(run.seconds_until_end(lambda: run.signal(rank, signal.SIGKILL))), codes=(PEER,))
        # The launcher's SIGTERM ends ranks that do not watch one another yet.
        words = Words(run.texts())
        told = set().union(words.blamed_by_launcher(), *(words.blamed_by_rank(other) for other in run.ranks))
        result.launcher = told == {rank}
        if not result.launcher:
            result.wrong.append(f"rank {rank} was to blame, told were {sorted(told)}:\n{run.text()[-2000:]}")
        return result


@fault("stopped", "a rank is stopped (SIGSTOP)", limit=SILENT + 2, times=6)
def stopped(bench):
    with at_work(bench) as (run, rank):
        return lost(run, rank, lambda: run.signal(rank, signal.SIGSTOP))  # the launcher ends the stopped one too


def no_ptrace():
    try:
        allowed = os.geteuid() == 0 or int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text()) < 2
    except OSError:
        allowed = True
    return None if allowed else "ptrace of a child's child"


@fault("hangs", f"a rank hangs: its training thread alone stands still, with `timeout` at {HANGS} s", limit=HANGS + 2, times=6, lacks=no_ptrace)
def hangs(bench):
    with at_work(bench, "--cfg-options", f"env_cfg.dist_cfg.timeout={HANGS}") as (run, rank):
        def blow():
            stop_thread(run.ranks[rank])
            wait_for_traced(run.ranks[rank])  # its parent is told of its end after its tracer
        result = ended(run, Result(run.seconds_until_end(blow)), codes=(PEER,))
        judge_words(run, result, {other: rank for other in run.ranks if other != rank})
        return result


@fault("launcher", "the launcher is killed (SIGKILL)", limit=2)
def launcher_killed(bench):
    with at_work(bench) as (run, _):
        return ended(run, Result(run.seconds_until_end(run.started[0].kill)), codes=(-signal.SIGKILL,))


def asked_to_stop(number):
    def do(bench):
        with at_work(bench) as (run, rank):
            result = ended(run, Result(run.seconds_until_end(lambda: run.signal(rank, number))), codes=(PREEMPTED,))
            steps = set(re.findall(r"stopped at iteration (\d+) and saved", run.text()))
            if len(steps) != 1 or run.checkpoints() != [f"iter_{next(iter(steps))}"]:
                result.wrong.append(f"stopped at {sorted(steps)}, checkpoints {run.checkpoints()}:\n{run.text()[-2000:]}")
            return result
    return do


fault("sigterm", "one rank gets SIGTERM: all stop at one step and save")(asked_to_stop(signal.SIGTERM))
fault("sigusr1", "one rank gets SIGUSR1: all stop at one step and save")(asked_to_stop(signal.SIGUSR1))


def whole_run(bench, during=None, **options):
    """Trains to the end, with something going on meanwhile; and the digest of what came out."""
    config = changed(bench.config, train_cfg__max_iters=150, default_hooks__checkpoint__interval=150)
    with Run(bench, config) as run:
        run.launch(bench.worlds[0], **options)
        if during:
            during(run)
        result = ended(run, Result(run.seconds_until_end()), codes=(0,))
        result.seconds = None  # what it takes to train says nothing
        return result, (run.digest() if not result.wrong else None)


def undisturbed(bench, during, **options):
    """The same run with and without the fault gives the same tensors."""
    if bench.undisturbed is None:
        alone, bench.undisturbed = whole_run(bench)
        if alone.wrong:
            return alone
    result, found = whole_run(bench, during, **options)
    if not result.wrong and found != bench.undisturbed:
        result.wrong.append("other tensors than without the fault")
    return result


@fault("junk", "junk on the ports where rank 0 listens, from its start on: the same tensors", times=6)
def junk(bench):
    def send(run):
        rank = run.wait_until("rank 0", lambda: run.find_ranks().get(0))
        ports = run.wait_until("a port of rank 0", lambda: ports_of(rank))
        held = []
        for i in range(bench.junk):
            try:
                connection = socket.create_connection(ports[i % len(ports)], timeout=5)
            except OSError:
                if run.started[0].poll() is not None:
                    break
                raise
            held.append(connection)
            try:
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n" if i % 3 == 0 else os.urandom(random.randrange(1, 4096)))
            except OSError:
                pass
            if i % 2:  # the others stay open for a while
                held.pop().close()
            if len(held) > 50:
                held.pop(0).close()
        for connection in held:
            connection.close()
    return undisturbed(bench, send)


@fault("clock", "the date jumps by a day, back and forth, on every rank: the same tensors", times=6)
def clock_jump(bench):
    library = bench.folder / "clock_jump.so"
    if not library.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(bench.root / "bench/clock_jump.c"), "-ldl"], check=True)
    def check(run):
        run.wait_for_ranks(bench.worlds[0])
        for process in run.ranks.values():
            run.wait_until("the changed clock", lambda: library.name in Path(f"/proc/{process}/maps").read_text())
    return undisturbed(bench, check, env={"LD_PRELOAD": str(library)})


def other_plugin(run):
    """A copy of the plugin with one byte more, stamped anew."""
    folder = run.folder / "plugins"
    folder.mkdir()
    copy = folder / run.bench.plugin
    shutil.copy(run.bench.build / "lib/selfsup/plugins" / run.bench.plugin, copy)
    with open(copy, "ab") as file:
        file.write(b"\0")
    subprocess.run([str(run.bench.host), "stamp", str(copy)], check=True, capture_output=True)
    return ["--plugin-dir", str(folder)]


@dataclass
class Disagreement:
    """How the second of two ranks is started otherwise, and what is said of it."""
    said: str
    config: dict = field(default_factory=dict)
    words: callable = lambda run: []
    env: dict = field(default_factory=dict)


DISAGREEMENTS = {
    "configuration": Disagreement("lr", config={"optim_wrapper__optimizer__lr": 0.5}),
    "data set": Disagreement("size|data", config={"train_dataloader__dataset__size": 95}),
    "plugin": Disagreement("plugin", words=other_plugin),
    "world": Disagreement("one of 3 ranks", env={"WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3"}),
}
next_disagreement = itertools.cycle(DISAGREEMENTS)


@fault("disagree", "ranks disagree: configuration, data set, plugin, number of ranks: exit 77 before step 1", times=8)
def disagree(bench):
    name = next(next_disagreement)
    second = DISAGREEMENTS[name]
    codes, refused = [DISAGREE], [0, 1]
    with Run(bench) as run:
        other = run.folder / "other.json"
        other.write_text(json.dumps(changed(bench.config, **second.config)))
        env = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        run.start("--launcher", "pytorch", env={**env, "RANK": "0", "LOCAL_RANK": "0"})
        run.start("--launcher", "pytorch", *second.words(run), env={**env, "RANK": "1", "LOCAL_RANK": "1", **second.env}, config=other)
        if second.env:  # the two do not even meet: the first one is ended, as by a launcher
            run.started[1].wait(PATIENCE)
            run.started[0].kill()
            codes.append(-signal.SIGKILL)
            refused = [1]
        result = ended(run, Result(run.seconds_until_end()), codes)
        result.seconds = None
        if re.search(r"Iter\(train\) \[", run.text()):
            result.wrong.append(f"trained:\n{run.text()[-2000:]}")
        if not all(re.search(second.said, run.texts()[rank]) for rank in refused):
            result.wrong.append(f"not each says {second.said}:\n{run.text()[-2000:]}")
        result.wrong = [f"{name}: {text}" for text in result.wrong]
        return result


def no_namespaces():
    if os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0:
        return None
    return "root, and network namespaces"


@contextmanager
def two_machines():
    """Two network namespaces, 10.77.0.1 and 10.77.0.2, with a wire between them; and what cuts it."""
    name = f"f{os.getpid() % 10000}"
    spaces = [f"{name}a", f"{name}b"]
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    try:
        for space in spaces:
            ip("netns", "add", space)
        ip("link", "add", spaces[0], "netns", spaces[0], "type", "veth", "peer", "name", spaces[1], "netns", spaces[1])
        for number, space in enumerate(spaces, 1):
            ip("-n", space, "address", "add", f"10.77.0.{number}/24", "dev", space)
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "link", "set", space, "up")
        yield spaces, lambda: ip("-n", spaces[0], "link", "set", spaces[0], "down")
    finally:
        for space in spaces:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)


@fault("node", "a machine is lost: two network namespaces, the link between them goes down", limit=SILENT + 2, times=6, lacks=no_namespaces)
def node_lost(bench):
    with two_machines() as (spaces, cut), Run(bench) as run:
        for node, space in enumerate(spaces):
            # As on a machine of its own: processes and host name are its own too.
            alone = ["ip", "netns", "exec", space, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "sh", "-c",
                     f'hostname node{node} && exec "$@"', "sh"]
            run.start("--launcher", "local", "--nproc-per-node", "1", "--nnodes", "2", "--node-rank", str(node),
                      "--master-addr", "10.77.0.1", "--master-port", "29500", prefix=alone)
        run.wait_for_step()
        time.sleep(random.uniform(0, 1))
        result = ended(run, Result(run.seconds_until_end(cut)), codes=(PEER,))
        judge_words(run, result, {0: 1, 1: 0})
        return result
