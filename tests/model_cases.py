"""A row for each network: what it takes, what it answers, and its parameters counted by hand."""

from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn

from jaximg.models import (
    CNN,
    ConvDiscriminator,
    ConvGenerator,
    DCDiscriminator,
    DCGenerator,
    MLPDiscriminator,
    MLPGenerator,
)


@dataclass(frozen=True)
class ModelCase:
    """One network: `model(*zeros of inputs)` has shape `output`, parameters number as `count` says, layer by layer."""

    name: str
    model: nn.Module
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    count: dict[str, int]
    small: nn.Module
    """The same architecture, narrow, for tests that compile."""
    options: dict[str, Any] = field(default_factory=dict)


def conv(kh: int, kw: int, ci: int, co: int, bias: bool = True) -> int:
    return kh * kw * ci * co + bias * co


def dense(inputs: int, outputs: int, bias: bool = True) -> int:
    return inputs * outputs + bias * outputs


def residual(width: int, inner: int) -> int:
    return conv(1, 1, width, inner) + conv(3, 3, inner, inner) + conv(1, 1, inner, width, bias=False)


CASES = [
    ModelCase(
        "cnn",
        CNN(),
        ((2, 28, 28, 1),),
        (2, 10),
        {
            "conv0": conv(3, 3, 1, 32),
            "conv1": conv(3, 3, 32, 64),
            "conv2": conv(3, 3, 64, 64),
            "dense0": dense(3 * 3 * 64, 64),
            "logits": dense(64, 10),
        },
        CNN((4, 4), (8,), padding="SAME", dropout=0.5, batch_norm=True),
    ),
    ModelCase(
        "mlp_generator",
        MLPGenerator(),
        ((2, 100),),
        (2, 28, 28, 1),
        {
            "dense0": dense(100, 256),
            "norm0": 2 * 256,
            "dense1": dense(256, 512),
            "norm1": 2 * 512,
            "dense2": dense(512, 1024),
            "norm2": 2 * 1024,
            "picture": dense(1024, 28 * 28),
        },
        MLPGenerator(features=(8,)),
    ),
    ModelCase(
        "mlp_discriminator",
        MLPDiscriminator(),
        ((2, 28, 28, 1),),
        (2,),
        {
            "dense0": dense(28 * 28, 512),
            "norm0": 2 * 512,
            "dense1": dense(512, 256),
            "norm1": 2 * 256,
            "score": dense(256, 1),
        },
        MLPDiscriminator((8,), dropout=0.25),
    ),
    ModelCase(
        "dcgan_generator",
        DCGenerator(),
        ((2, 64),),
        (2, 28, 28, 1),
        {
            "start": dense(64, 7 * 7 * 128, bias=False),
            "norm0": 2 * 128,
            "grow0": conv(4, 4, 128, 64, bias=False),
            "norm1": 2 * 64,
            "grow1": conv(4, 4, 64, 1),
        },
        DCGenerator(features=(8, 4)),
    ),
    ModelCase(
        "dcgan_discriminator",
        DCDiscriminator(),
        ((2, 28, 28, 1),),
        (2,),
        {"conv0": conv(4, 4, 1, 64), "conv1": conv(4, 4, 64, 128), "score": dense(7 * 7 * 128, 1)},
        DCDiscriminator((4, 8)),
    ),
    ModelCase(
        "conv_generator",
        ConvGenerator(),
        ((2, 64),),
        (2, 28, 28, 1),
        {
            "start": dense(64, 128, bias=False),
            "pattern": 4 * 4 * 128,
            **{f"block{i}_{j}": residual(128, 64) for i in (0, 1) for j in (0, 1)},
            "widen2": dense(128, 48, bias=False),
            "block2_0": residual(48, 24),
            "bias": 48,
            "picture": conv(3, 3, 48, 2 * 2),
        },
        ConvGenerator(features=(4, 4), blocks=1, patch=4, dense=1),
    ),
    ModelCase(
        "conv_discriminator",
        ConvDiscriminator(),
        ((2, 28, 28, 1),),
        (2,),
        {
            "picture": conv(3, 3, 2 * 2, 48),
            "block2_0": residual(48, 24),
            "widen1": dense(48, 128, bias=False),
            **{f"block{i}_{j}": residual(128, 64) for i in (0, 1) for j in (0, 1)},
            "pool": 4 * 4 * 128,
            "score": dense(128, 1),
        },
        ConvDiscriminator(features=(4, 4), blocks=1, patch=4, dense=1),
    ),
]
