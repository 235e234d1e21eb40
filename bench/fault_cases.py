"""The faults of bench/faults: each does one thing to a run of several ranks and says what came of it."""
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from fault_runs import CONFIG, PATIENCE, Run, changed, ports_of, stop_thread, wait_for_traced

PEER, DISAGREE, PREEMPTED = 76, 77, 75
HANGS = 20  # seconds: the limit that is given where a rank hangs
BLAMED = re.compile(r"rank (\d+)(?: on \S+)? \(process \d+\)[^\n]*?"
                    r"(?:has ended without a word|no sign of life|stands? still|has gone|has not answered|was killed by)")


@dataclass
class Result:
    """What came of one fault."""
    seconds: float = None  # until the last process was gone
    named: bool = None     # whether the culprit was told, and nobody else; None: there is none
    orphans: int = 0       # processes that were left
    wrong: list = field(default_factory=list)  # what did not hold


def blamed(text):
    return {int(rank) for rank in BLAMED.findall(text)}


def finish(run, result, culprit=None, codes=(PEER,), ended=None):
    """Checks who was blamed, what was returned and what is left. ended: seconds that are not to be in the table."""
    text = run.text()
    if culprit is not None:
        result.named = blamed(text) == {culprit}
        if not result.named:
            result.wrong.append(f"rank {culprit} was to blame, told were {sorted(blamed(text))}:\n{text[-2000:]}")
    if result.seconds is None and ended is None:
        result.wrong.append(f"not all ended:\n{text[-2000:]}")
    else:
        for code in run.codes():
            if code not in codes:
                result.wrong.append(f"exit code {code}, not {' or '.join(map(str, codes))}:\n{text[-2000:]}")
    result.orphans = len(run.processes())
    if result.orphans:
        result.wrong.append(f"{result.orphans} processes are left")
    return result


def moment():
    """Some moment of the training."""
    time.sleep(random.uniform(0, 1))


def killed(bench):
    """a rank is killed (SIGKILL)"""
    world = random.choice(bench.worlds)
    with Run(bench) as run:
        run.launch(world)
        run.wait_for_step()
        ranks = run.wait_for_ranks(world)
        culprit = random.randrange(world)
        moment()
        os.kill(ranks[culprit], signal.SIGKILL)
        return finish(run, Result(run.wait_for_end([*ranks.values(), run.started[0].pid])), culprit)


def stopped(bench):
    """a rank is stopped (SIGSTOP)"""
    world = random.choice(bench.worlds)
    with Run(bench) as run:
        run.launch(world)
        run.wait_for_step()
        ranks = run.wait_for_ranks(world)
        culprit = random.randrange(world)
        moment()
        os.kill(ranks[culprit], signal.SIGSTOP)
        # The launcher ends the stopped one too.
        return finish(run, Result(run.wait_for_end([*ranks.values(), run.started[0].pid])), culprit)


def killed_early(bench):
    """a rank is killed while the run is set up"""
    world = random.choice(bench.worlds)
    with Run(bench) as run:
        run.launch(world)
        ranks = run.wait_for_ranks(world)
        culprit = random.randrange(world)
        moment()
        os.kill(ranks[culprit], signal.SIGKILL)
        return finish(run, Result(run.wait_for_end([*ranks.values(), run.started[0].pid])), culprit)


def hangs(bench):
    """a rank hangs: its training thread alone stands still"""
    world = random.choice(bench.worlds)
    with Run(bench) as run:
        run.launch(world, "--cfg-options", f"env_cfg.dist_cfg.timeout={HANGS}")
        run.wait_for_step()
        ranks = run.wait_for_ranks(world)
        culprit = random.randrange(world)
        moment()
        stop_thread(ranks[culprit])
        begin = time.monotonic()
        wait_for_traced(ranks[culprit])  # its parent is told of its end after its tracer
        ended = run.wait_for_end([*ranks.values(), run.started[0].pid])
        return finish(run, Result(time.monotonic() - begin if ended is not None else None), culprit)


def launcher_killed(bench):
    """the launcher is killed (SIGKILL)"""
    world = random.choice(bench.worlds)
    with Run(bench) as run:
        run.launch(world)
        run.wait_for_step()
        ranks = run.wait_for_ranks(world)
        moment()
        run.started[0].kill()
        return finish(run, Result(run.wait_for_end(ranks.values())), codes=(-signal.SIGKILL,))


def asked_to_stop(number):
    def fault(bench):
        world = random.choice(bench.worlds)
        with Run(bench) as run:
            run.launch(world)
            run.wait_for_step()
            ranks = run.wait_for_ranks(world)
            moment()
            os.kill(ranks[random.randrange(world)], number)
            result = finish(run, Result(run.wait_for_end([*ranks.values(), run.started[0].pid])), codes=(PREEMPTED,))
            steps = set(re.findall(r"stopped at iteration (\d+) and saved", run.text()))
            if len(steps) != 1 or run.checkpoints() != [f"iter_{next(iter(steps))}"]:
                result.wrong.append(f"stopped at {sorted(steps)}, checkpoints {run.checkpoints()}:\n{run.text()[-2000:]}")
            return result
    fault.__doc__ = f"one rank gets {signal.Signals(number).name}: all stop at one step and save"
    return fault


def whole_run(bench, world, config, during=None, **options):
    """Trains to the end, with something going on meanwhile; the digest of what came out."""
    with Run(bench, config) as run:
        run.launch(world, **options)
        if during:
            during(run)
        seconds = run.wait_for_end([run.started[0].pid])
        result = finish(run, Result(seconds), codes=(0,))
        return result, (run.digest() if not result.wrong else None)


def undisturbed(bench, fault):
    """The same run with and without the fault gives the same tensors. fault(during, options): sets these."""
    world = bench.worlds[0]
    config = changed(CONFIG, train_cfg__max_iters=150, default_hooks__checkpoint__interval=150)
    if bench.undisturbed is None:
        alone, bench.undisturbed = whole_run(bench, world, config)
        if alone.wrong:
            return alone
    during, options = fault()
    result, found = whole_run(bench, world, config, during, **options)
    result.seconds = None
    if not result.wrong and found != bench.undisturbed:
        result.wrong.append("other tensors than without the fault")
    return result


def junk(bench):
    """junk on the ports where rank 0 listens, from its start on"""
    def send(run):
        run.wait_until("rank 0", lambda: 0 in run.ranks())
        rank = run.ranks()[0]
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
    return undisturbed(bench, lambda: (send, {}))


def clock_jump(bench):
    """the date jumps by a day, back and forth, on every rank"""
    library = bench.folder / "clock_jump.so"
    if not library.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(bench.root / "bench/clock_jump.c"), "-ldl"], check=True)
    def check(run):
        ranks = run.wait_for_ranks(bench.worlds[0])
        for process in ranks.values():
            run.wait_until("the changed clock", lambda: library.name in Path(f"/proc/{process}/maps").read_text())
    return undisturbed(bench, lambda: (check, {"env": {"LD_PRELOAD": str(library)}}))


def disagreement(what, second, configs=None):
    """Two ranks, of which the second one is started otherwise: before step 0 it ends with 77 and says in what they differ. So does
    the first, or it is ended, as by a launcher, where the two did not even meet."""
    def fault(bench):
        config = changed(CONFIG, **(configs or {}))
        with Run(bench) as run:
            other = run.folder / "other.json"
            other.write_text(json.dumps(config))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            for rank in range(2):
                env = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                       "MASTER_PORT": str(port)}
                words, more, path = [], {}, None
                if rank == 1:
                    words, more = second(bench, run)
                    path = other if configs else None
                run.start("--launcher", "pytorch", *words, env={**env, **more}, config=path)
            result = Result()
            codes = [DISAGREE]
            if "WORLD_SIZE" in more:
                run.started[1].wait(PATIENCE)
                run.started[0].kill()
                codes.append(-signal.SIGKILL)
            finish(run, result, codes=codes, ended=run.wait_for_end([process.pid for process in run.started]))
            text = run.text()
            if re.search(r"Iter\(train\) \[", text):
                result.wrong.append(f"trained:\n{text[-2000:]}")
            result.named = bool(re.search(what, text))
            if not result.named:
                result.wrong.append(f"does not say {what}:\n{text[-2000:]}")
            return result
    return fault


def other_plugin(_, run):
    """A copy of the plugin with one byte more, stamped anew."""
    folder = run.folder / "plugins"
    folder.mkdir()
    copy = folder / "mae.so"
    shutil.copy(run.bench.build / "lib/selfsup/plugins/mae.so", copy)
    with open(copy, "ab") as file:
        file.write(b"\0")
    subprocess.run([str(run.bench.host), "stamp", str(copy)], check=True, capture_output=True)
    return ["--plugin-dir", str(folder)], {}


DISAGREEMENTS = {
    "configuration": disagreement("lr", lambda *_: ([], {}), {"optim_wrapper__optimizer__lr": 0.5}),
    "data set": disagreement("size|data", lambda *_: ([], {}), {"train_dataloader__dataset__size": 95}),
    "plugin": disagreement("plugin", other_plugin),
    "world": disagreement("one of 3 ranks", lambda *_: ([], {"WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "3"})),
}


def disagree(bench):
    """ranks disagree: configuration, data set, plugin, number of ranks"""
    name = next(bench.disagreements)
    result = DISAGREEMENTS[name](bench)
    result.wrong = [f"{name}: {text}" for text in result.wrong]
    return result


def node_lost(bench):
    """a machine is lost: two network namespaces, the link between them goes down"""
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
        with Run(bench) as run:
            for node, space in enumerate(spaces):
                # As on a machine of its own: processes and host name are its own too.
                alone = ["ip", "netns", "exec", space, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts", "sh", "-c",
                         f'hostname node{node} && exec "$@"', "sh"]
                run.start("--launcher", "local", "--nproc-per-node", "1", "--nnodes", "2", "--node-rank", str(node),
                          "--master-addr", "10.77.0.1", "--master-port", "29500", prefix=alone)
            run.wait_for_step()
            moment()
            ip("-n", spaces[0], "link", "set", spaces[0], "down")
            result = finish(run, Result(run.wait_for_end(run.processes())))
            sides = [log.read_text(errors="replace") for log in run.logs]
            result.named = blamed(sides[0]) == {1} and blamed(sides[1]) == {0}
            if not result.named:
                result.wrong.append(f"told were {[sorted(blamed(side)) for side in sides]}:\n{run.text()[-3000:]}")
            return result
    finally:
        for space in spaces:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)


def can_lose_node():
    """Whether this process may make network namespaces."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0
