"""The networks of bench.train in PyTorch: each function gives a call that takes one training step."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

Batch = dict[str, np.ndarray]


def cnn(batch: Batch, threads: int) -> Callable[[], object]:
    """The CNN's step."""
    torch.set_num_threads(threads)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 3 * 3, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    image = torch.from_numpy(batch["image"].transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
    label = torch.from_numpy(batch["label"]).long()

    def run() -> object:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(net(image), label)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def gan(batch: Batch, latent: int, threads: int) -> Callable[[], object]:
    """The dense GAN's step: discriminator, then generator, each down its own loss."""
    torch.set_num_threads(threads)
    widths, layers = (latent, 256, 512, 1024), []
    for a, b in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b, momentum=0.2)]
    generator = nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh())
    layers = []
    for a, b in ((784, 512), (512, 256)):
        layers += [nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b, momentum=0.01)]
    judge = nn.Sequential(*layers, nn.Linear(256, 1))
    optimizers = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999), fused=True) for n in (generator, judge)]
    image = torch.from_numpy(batch["image"].reshape(128, 784))
    softplus = nn.functional.softplus

    def run() -> object:
        with torch.no_grad():
            fake = generator(torch.randn(128, latent))
        optimizers[1].zero_grad(set_to_none=True)
        on_real, on_fake = judge(torch.cat([image * 2 - 1, fake])).chunk(2)
        loss_d = (softplus(-on_real) + softplus(on_fake)).mean()
        loss_d.backward()
        optimizers[1].step()
        optimizers[0].zero_grad(set_to_none=True)
        judge.requires_grad_(False)
        loss_g = softplus(-judge(generator(torch.randn(128, latent)))).mean()
        loss_g.backward()
        judge.requires_grad_(True)
        optimizers[0].step()
        return loss_d.item() + loss_g.item()

    return run


def unet(batch: Batch, noise: np.ndarray, features: Sequence[int], blocks: int, threads: int) -> Callable[[], object]:
    """The restorer's step."""
    torch.set_num_threads(threads)

    last = torch.channels_last
    net = _Net(features, blocks).to(memory_format=last)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    clean = torch.from_numpy(batch["image"].transpose(0, 3, 1, 2)).contiguous(memory_format=last)
    grain = torch.from_numpy(noise.transpose(0, 3, 1, 2)).contiguous(memory_format=last)
    level = torch.full((clean.shape[0], 1, 64, 64), 0.1)

    def run() -> object:
        optimizer.zero_grad(set_to_none=True)
        inputs = torch.cat([clean + grain, level], 1).contiguous(memory_format=last)
        loss = (net(inputs) - clean).abs().mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.a = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.b = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.b(torch.relu(self.a(x)))


class _Level(nn.Module):
    def __init__(self, features: Sequence[int], blocks: int, level: int):
        super().__init__()
        width = features[level]
        self.down = nn.Sequential(*[_Residual(width) for _ in range(blocks)])
        self.below = None
        if level + 1 < len(features):
            self.shrink = nn.Conv2d(4 * width, features[level + 1], 1, bias=False)
            self.below = _Level(features, blocks, level + 1)
            self.grow = nn.Conv2d(features[level + 1], 4 * width, 1, bias=False)
            self.up = nn.Sequential(*[_Residual(width) for _ in range(blocks)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.down(x)
        if self.below is None:
            return x
        y = self.grow(self.below(self.shrink(nn.functional.pixel_unshuffle(x, 2))))
        return self.up(x + nn.functional.pixel_shuffle(y, 2))


class _Net(nn.Module):
    def __init__(self, features: Sequence[int], blocks: int):
        super().__init__()
        self.head = nn.Conv2d(16, features[0], 3, padding=1, bias=False)
        self.levels = _Level(features, blocks, 0)
        self.tail = nn.Conv2d(features[0], 12, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.tail(self.levels(self.head(nn.functional.pixel_unshuffle(x, 2))))
        return x[:, :3] + nn.functional.pixel_shuffle(y, 2)
