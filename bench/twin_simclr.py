"""SimCLR in PyTorch around torchvision's residual networks: written plainly, or with lightly's projection head and loss. `load` takes
the tensors of simclr.so by its names."""
import torch
import torch.nn.functional as F
import torchvision
from torch import distributed, nn


def backbone_of(sizes):
    network = {18: torchvision.models.resnet18, 50: torchvision.models.resnet50}[sizes["depth"]](weights=None)
    network.fc = nn.Identity()
    if sizes["stem"] == "cifar":
        network.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    return network


class Gather(torch.autograd.Function):
    """The rows of all ranks. Backward sums what all of them say of the own rows."""

    @staticmethod
    def forward(ctx, rows):
        everyone = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(everyone, rows)
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(gradient)
        return gradient.chunk(distributed.get_world_size())[distributed.get_rank()]


class Neck(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.fc0 = nn.Linear(width, width, bias=False)
        self.bn0 = nn.BatchNorm1d(width)
        self.fc1 = nn.Linear(width, out, bias=False)
        self.bn1 = nn.BatchNorm1d(out)

    def forward(self, x):
        return self.bn1(self.fc1(F.relu(self.bn0(self.fc0(x)))))


class SimCLR(nn.Module):
    def __init__(self, case):
        super().__init__()
        sizes = case["sizes"]
        self.temperature = sizes["temperature"]
        self.backbone = backbone_of(sizes)
        self.neck = Neck(sizes["width"], sizes["out"])

    # One forward over both views, as MMSelfSup's: batch norm sees the rows of both.
    def forward(self, first, second):
        z = self.neck(self.backbone(torch.cat([first, second])))
        with torch.autocast("cpu", enabled=False):
            z = F.normalize(z.float(), dim=1)
            n, first, everyone = len(z), 0, z
            if distributed.is_initialized():
                first, everyone = n * distributed.get_rank(), Gather.apply(z)
            rows = torch.arange(n)
            itself = torch.arange(len(everyone)) == (first + rows)[:, None]
            logits = (z @ everyone.T / self.temperature).masked_fill(itself, float("-inf"))
            return F.cross_entropy(logits, first + (rows + n // 2) % n)

    def load(self, state):
        self.load_state_dict(state, strict=True)


class Lightly(nn.Module):
    def __init__(self, case):
        super().__init__()
        from lightly.loss import NTXentLoss
        from lightly.models.modules import SimCLRProjectionHead
        sizes = case["sizes"]
        self.backbone = backbone_of(sizes)
        self.projection_head = SimCLRProjectionHead(sizes["width"], sizes["width"], sizes["out"])
        self.criterion = NTXentLoss(temperature=sizes["temperature"])

    # lightly's examples pass view after view; here both at once, so that batch norm sees what it sees on the other sides.
    def forward(self, first, second):
        z = self.projection_head(self.backbone(torch.cat([first, second])))
        with torch.autocast("cpu", enabled=False):
            return self.criterion(*z.float().chunk(2))

    def load(self, state):
        places = {"neck.fc0.": "projection_head.layers.0.", "neck.bn0.": "projection_head.layers.1.",
                  "neck.fc1.": "projection_head.layers.3.", "neck.bn1.": "projection_head.layers.4."}
        renamed = {}
        for name, tensor in state.items():
            own = next((own for own in places if name.startswith(own)), None)
            renamed[places[own] + name[len(own):] if own else name] = tensor
        self.load_state_dict(renamed, strict=True)
