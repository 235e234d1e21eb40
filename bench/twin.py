"""The Python side of bench/run: what a row trains, in PyTorch, eager or compiled, with fused optimizers.

Serves the same commands on stdin as bench_step (see step.cpp). Weights, images and noise of the first answer come from the
safetensors file that bench_step wrote, so that both sides show the same loss and gradient before anything is timed.

  twin.py --case JSON --state FILE --threads N [--compile] [--lightly] [--updates N] [--no-overlap]
  twin.py --case JSON --idx FILE.gz --threads N --iterations N    a plain training script on a data set, as a user would write it

Where the environment names several ranks, as torchrun does, it is one of them: DistributedDataParallel over gloo.
"""
import argparse
import gzip
import json
import os
import resource
import sys
import time

import numpy
import torch
from safetensors.torch import load_file
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


def model_of(case, lightly):
    if case["model"]["type"] == "MAE":
        from twin_mae import MAE
        return MAE(case)
    from twin_simclr import Lightly, SimCLR
    return (Lightly if lightly else SimCLR)(case)


def optimizer_of(model, config):
    trained = [p for p in model.parameters() if p.requires_grad]
    if config["type"] == "SGD":
        return torch.optim.SGD(trained, lr=config["lr"], momentum=config["momentum"], weight_decay=config["weight_decay"], fused=True)
    groups = [{"params": [p for p in trained if p.ndim > 1]},
              {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config["lr"], betas=config["betas"], weight_decay=config["weight_decay"], fused=True)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(answer):
    print(json.dumps(answer), flush=True)


class Alone:
    """One process: the model by itself."""
    buckets = 0

    def __init__(self, run):
        self.run = run


class Rank:
    """One of several. Buffers stay each rank's own, as the host has them while it trains."""

    def __init__(self, model, no_overlap):
        self.run = DistributedDataParallel(model, broadcast_buffers=False, gradient_as_bucket_view=True,
                                           bucket_cap_mb=1e5 if no_overlap else None)

    @property
    def buckets(self):
        return len(self.run._get_ddp_logging_data()["rebuilt_bucket_sizes"].split(","))


def serve(args):
    case = args.case
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        distributed.init_process_group("gloo")
    state = load_file(args.state)
    images = [state.pop(f"view{i}") for i in range(case["views"])]
    noise = [state.pop("noise")] if case["noise"] else []
    model = model_of(case, args.lightly)
    model.load(state)
    del state
    # What its users do for convolutional networks.
    if case["model"]["type"] == "SimCLR":
        model = model.to(memory_format=torch.channels_last)
        images = [i.contiguous(memory_format=torch.channels_last) for i in images]
    optimizer = optimizer_of(model, case["optimizer"])
    if distributed.is_initialized():
        process = Rank(model, args.no_overlap)
    else:
        process = Alone(torch.compile(model) if args.compile else model)

    def forward_and_backward(*noise):
        with torch.autocast("cpu", torch.bfloat16, enabled=case["bf16"]):
            loss = process.run(*images, *noise)
        loss.backward()
        return loss

    losses, norm = [], None
    for update in range(args.updates + 1):
        losses.append(forward_and_backward(*noise).item())
        if update == 0:
            # In double: PyTorch's norm of millions of floats is 2e-5 off.
            norm = sum(p.grad.double().square().sum().item() for p in model.parameters() if p.grad is not None) ** 0.5
        if update < args.updates:
            optimizer.step()
        optimizer.zero_grad()
    say({"loss": losses[0], "losses": losses, "grad_norm": norm, "torch": torch.__version__})
    for line in sys.stdin:
        command = line.split()
        if command[0] == "run":
            walls, cpu, mark = [], cpu_seconds(), time.perf_counter()
            for _ in range(int(command[1])):
                forward_and_backward()
                optimizer.step()
                optimizer.zero_grad()
                now = time.perf_counter()
                walls.append(now - mark)
                mark = now
            say({"wall": walls, "cpu": cpu_seconds() - cpu})
        elif command[0] == "quit":
            say({"peak_mib": peak_mib(), "buckets": process.buckets})
            break
    if distributed.is_initialized():
        distributed.destroy_process_group()


def train(case, idx, iterations):
    with gzip.open(idx) as file:
        raw = numpy.frombuffer(file.read(), numpy.uint8, offset=16)
    pixels = torch.from_numpy(raw.reshape(-1, 1, case["image"], case["image"]).copy())
    model = model_of(case, False)
    nn.init.normal_(model.backbone.cls_token, std=0.02)
    optimizer = optimizer_of(model, case["optimizer"])
    batches = torch.randperm(len(pixels)).split(case["batch"])
    for i in range(iterations):
        images = (pixels[batches[i % len(batches)]].float() - 72.94) / 90.02
        loss = model(images)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"iteration {i + 1} loss {loss.item():.4f}", flush=True)
    say({"peak_mib": peak_mib()})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", required=True, type=json.loads)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--state")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--lightly", action="store_true", help="lightly's parts, where it has them")
    parser.add_argument("--updates", type=int, default=0, help="updates with the images of the file before anything is timed")
    parser.add_argument("--no-overlap", action="store_true", help="of several ranks: no gradient is sent before backward is over")
    parser.add_argument("--idx")
    parser.add_argument("--iterations", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.idx:
        train(args.case, args.idx, args.iterations)
    else:
        serve(args)


if __name__ == "__main__":
    main()
