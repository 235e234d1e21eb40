"""Runs of several ranks for bench/faults: starts them, finds their processes, waits for events, and leaves nothing behind."""
import ctypes
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

MARK = "SELFSUP_FAULTS_RUN"  # in the environment of every process of a run
PATIENCE = 120  # seconds in which anything that is waited for has happened, on a machine with much else to do

# Models of a few milliseconds a step on images that need no files; what MAE does not have, SimCLR has: collectives of its own in the
# forward pass, and statistics of all ranks.
MODELS = {
    "mae": {
        "model": {
            "backbone": {"arch": {"embed_dims": 32, "num_layers": 1, "num_heads": 2, "feedforward_channels": 64}, "patch_size": 8},
            "neck": {"decoder_embed_dim": 32, "decoder_depth": 1, "decoder_num_heads": 2},
        },
    },
    "simclr": {
        "model": {
            "backbone": {"type": "ResNet", "depth": 18, "base_channels": 8, "stem": "cifar"},
            "neck": {"in_channels": 64, "hid_channels": 32, "out_channels": 16},
        },
        "sync_bn": "torch",
        "optim_wrapper": {"optimizer": {"type": "SGD", "lr": 1e-4}},
    },
}
CONFIG = {
    "train_dataloader": {"batch_size": 4, "num_workers": 1, "dataset": {"type": "shapes", "size": 96, "image_size": 32}},
    "train_cfg": {"max_iters": 1000000},
    "default_hooks": {"logger": {"interval": 1}, "checkpoint": {"interval": -1}},
    "randomness": {"seed": 3},
    "env_cfg": {"num_threads": 1},
}


class Broken(Exception):
    """A run did not do what must hold before its fault; what it said stands in the text."""


def changed(config, **changes):
    """The configuration with keys like train_cfg__max_iters set."""
    result = json.loads(json.dumps(config))
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
        place[key] = value
    return result


def environ_of(process):
    try:
        data = Path(f"/proc/{process}/environ").read_bytes()
    except OSError:
        return {}
    return dict(item.split(b"=", 1) for item in data.split(b"\0") if b"=" in item)


def alive(process):
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


class Run:
    """One run: a launcher with its ranks, or ranks started one by one; all in a folder of its own that goes at the end."""

    def __init__(self, bench, config=None):
        self.bench = bench
        self.ranks = {}  # rank -> process number, once wait_for_ranks has found them
        self.mark = uuid.uuid4().hex
        self.folder = Path(tempfile.mkdtemp(prefix="selfsup-faults-"))
        self.work_dir = self.folder / "work"
        self.config = self.folder / "run.json"
        self.config.write_text(json.dumps(config or bench.config))
        self.started = []  # Popen, in the order of their start
        self.logs = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self.started:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, *words, prefix=(), env=None, config=None):
        """Starts the program on the configuration; its output goes to a log of its own."""
        log = self.folder / f"log{len(self.logs)}"
        self.logs.append(log)
        environment = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")}
        environment.update(env or {})
        environment[MARK] = self.mark
        command = [*prefix, str(self.bench.host), "--plugin", self.bench.plugin, str(config or self.config), "--device", "cpu",
                   "--work-dir", str(self.work_dir), *words]
        with open(log, "wb") as out:
            self.started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment,
                                                 start_new_session=True))
        return self.started[-1]

    def launch(self, ranks, *words, **options):
        return self.start("--launcher", "local", "--nproc-per-node", str(ranks), *words, **options)

    def signal(self, rank, number):
        os.kill(self.ranks[rank], number)

    def texts(self):
        """What each of the started processes has said, and its ranks."""
        return [log.read_text(errors="replace") for log in self.logs]

    def text(self):
        return "\n".join(self.texts())

    def processes(self):
        """The numbers of all processes of this run, whoever is their parent by now."""
        mark = self.mark.encode()
        found = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and environ_of(p.name).get(MARK.encode()) == mark]
        return [process for process in found if alive(process)]

    def find_ranks(self):
        """Rank -> process number, of those that are there."""
        found = {}
        for process in self.processes():
            rank = environ_of(process).get(b"RANK")
            if rank is not None:
                found[int(rank)] = process
        return found

    def wait_until(self, what, condition):
        end = time.monotonic() + PATIENCE
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > end:
                raise Broken(f"{what}: not within {PATIENCE} s; the run said:\n{self.text()[-3000:]}")
            if self.started and all(process.poll() is not None for process in self.started):
                if condition():
                    continue
                raise Broken(f"{what}: the run has ended before; it said:\n{self.text()[-3000:]}")
            time.sleep(0.01)

    def wait_for_step(self, step=1):
        """Until rank 0 has logged so many iterations; all ranks are at work then."""
        def stepped():
            steps = re.findall(r"Iter\(train\) \[ *(\d+)/", self.text())
            return bool(steps) and int(steps[-1]) >= step
        self.wait_until(f"iteration {step}", stepped)

    def wait_for_ranks(self, world):
        self.ranks = self.wait_until(f"{world} ranks", lambda: found if len(found := self.find_ranks()) == world else None)

    def seconds_until_end(self, blow=lambda: None):
        """Seconds from the blow until the last of the processes has ended; None if one of them does not."""
        watched = {}
        for process in {*self.processes(), *(process.pid for process in self.started if process.poll() is None)}:
            try:
                watched[os.pidfd_open(process)] = process
            except ProcessLookupError:
                pass
        begin = time.monotonic()
        blow()
        while watched and time.monotonic() - begin < PATIENCE:
            ready, _, _ = select.select(list(watched), [], [], 1)
            for descriptor in ready:
                os.close(descriptor)
                del watched[descriptor]
        for descriptor in watched:
            os.close(descriptor)
        return None if watched else time.monotonic() - begin

    def codes(self):
        return [process.wait(PATIENCE) for process in self.started]

    def checkpoints(self):
        folder = self.work_dir / "checkpoints"
        return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".")) if folder.exists() else []

    def digest(self):
        """Of the tensors of the newest checkpoint."""
        newest = max((self.work_dir / "checkpoints" / name for name in self.checkpoints()), key=lambda p: int(re.sub(r"\D", "", p.name)))
        files = sorted(newest.glob("*.safetensors"))
        return subprocess.run(["sha256sum", *map(str, files)], check=True, capture_output=True, text=True).stdout.replace(str(newest), "")


def free_port():
    """One that the system does not give to whoever asks for any."""
    least = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10000, min(least, 29000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def ports_of(process):
    """(address, port) on which the process listens, by IPv4."""
    sockets = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        match = re.match(r"socket:\[(\d+)\]", target)
        if match:
            sockets.add(match.group(1))
    found = []
    for line in Path(f"/proc/{process}/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and words[9] in sockets:
            address, port = words[1].split(":")
            found.append((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found


def stop_thread(process):
    """Stops the first thread of a process, and no other, as a debugger does."""
    libc = ctypes.CDLL(None, use_errno=True)
    for request in (0x4206, 0x4207):  # PTRACE_SEIZE, PTRACE_INTERRUPT
        if libc.ptrace(request, process, None, None) != 0:
            raise Broken(f"ptrace of process {process}: {os.strerror(ctypes.get_errno())}")
    os.waitpid(process, 0x40000000)  # __WALL: until it stands


def wait_for_traced(process):
    """Until a process with a stopped thread has ended."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG | 0x40000000)
        if found and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
            return
        time.sleep(0.01)
    raise Broken(f"process {process} does not end")
