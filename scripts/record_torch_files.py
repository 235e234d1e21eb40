#!/usr/bin/env python3
"""Records tests/data/torch_file.pth, torch_file_old.pth and torch_file.safetensors: one state_dict, as torch.save writes it today and as it
did before version 1.6, among what a training program leaves beside it; and its values.

  python3 scripts/record_torch_files.py FOLDER       with torch, numpy and safetensors
"""
import argparse
import sys
import types
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file


def history_buffer():
    """As mmengine's, whose class a pickle names."""
    module = types.ModuleType("mmengine.logging.history_buffer")
    module.HistoryBuffer = type("HistoryBuffer", (), {"__module__": module.__name__})
    sys.modules.update({"mmengine": types.ModuleType("mmengine"), "mmengine.logging": types.ModuleType("mmengine.logging"), module.__name__: module})
    buffer = module.HistoryBuffer()
    buffer._log_history = numpy.arange(4.0)
    return buffer


whole = torch.arange(24, dtype=torch.float32)
state = OrderedDict([
    ("module.backbone.weight", torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))),
    ("module.backbone.turned", torch.arange(6, dtype=torch.float64).reshape(2, 3).t()),
    ("module.backbone.middle", whole[5:17].reshape(3, 4)[:, 1:3]),
    ("module.backbone.whole", whole),
    ("module.backbone.half", torch.tensor([1.5, -2.0, 65504.0], dtype=torch.float16)),
    ("module.backbone.brain", torch.tensor([1.5, -2.0, 3e38], dtype=torch.bfloat16)),
    ("module.backbone.num_batches_tracked", torch.tensor(7)),
    ("module.backbone.mask", torch.tensor([True, False])),
    ("module.backbone.empty", torch.zeros(0, 3)),
])
state._metadata = OrderedDict([("", {"version": 1})])
logs = defaultdict(list)
logs["loss"].append(0.5)
checkpoint = {
    "meta": {"epoch": 3, "cfg": "model = dict()", "seed": 2**70, "args": argparse.Namespace(lr=0.1)},
    "message_hub": {"log_scalars": OrderedDict(loss=history_buffer()), "logs": logs},
    "optimizer": {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.95)}]},
    "state_dict": state,
}
out = Path(sys.argv[1])
torch.save(checkpoint, out / "torch_file.pth")
torch.save(checkpoint, out / "torch_file_old.pth", _use_new_zipfile_serialization=False)
save_file({name: tensor.detach().clone().contiguous() for name, tensor in state.items()}, out / "torch_file.safetensors")
