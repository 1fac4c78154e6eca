"""A compact network that repairs pictures: what `jaximg correct` runs."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaximg.models.layers import Conv

SMALL = nn.initializers.variance_scaling(0.2, "fan_in", "normal")
"""How the second convolution of a residual block begins: near nothing."""


class Restorer(nn.Module):
    """A bias-free, norm-free residual U-Net on 2 x 2 pixel-unshuffled input, of dense 3 x 3 convolutions.

        out = image + net(unshuffle(image, maps))

    Without biases or norms the network is homogeneous: scaling picture and noise scales the answer, so it carries over
    to levels it has not been trained on. Half a picture's pixels a side at the first level let a small network see far.

    With features (32, 64, 128) and two blocks a level, for RGB with two maps: 1,049,600 parameters, 93 kFLOP a pixel
    (a multiply-add is two). A pixel of the answer depends on pixels up to `reach` away.

    Attributes:
      features: channels at a half, a quarter and an eighth of the picture's side.
      blocks: residual blocks on each level, on the way down and up.
      fills: the first map tells which pixels are known (1) and these come back as they are.

    Call with an image `(B, H, W, C)` and any number of maps `(B, H, W, 1 or more)` that tell what is wrong where: a
    noise level, a JPEG's coarseness, a mask. Any size: the picture is continued by mirroring to a multiple of `stride`.
    With `inside`, `(B, H, W, 1)` of ones and zeros, what lies where it is 0 doesn't exist: a smaller picture in a
    larger frame (sides of both multiples of `stride`, zeros around it) gets the answer that it would get alone.

    Example:
      >>> net = Restorer(features=(8, 8), blocks=1)
      >>> x = jnp.zeros((1, 10, 12, 3))
      >>> net.apply(net.init(jax.random.key(0), x), x).shape
      (1, 10, 12, 3)

    References:
      Zhang et al., FFDNet, IEEE TIP 27 (2018): unshuffling, the level as a map. Mohan et al., Robust and interpretable
      blind image denoising, ICLR 2020: no biases. Zhang et al., DRUNet, IEEE TPAMI 44 (2022): the residual U-Net.
    """

    features: Sequence[int] = (32, 64, 128)
    blocks: int = 2
    fills: bool = False

    @nn.compact
    def __call__(self, image: jax.Array, *maps: jax.Array, inside: jax.Array | None = None) -> jax.Array:
        """The repaired picture, `(B, H, W, C)`."""
        height, width, channels = image.shape[-3:]
        x = jnp.concatenate([image, *maps], -1) if maps else image
        rows, columns = -height % self.stride, -width % self.stride
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [(0, rows), (0, columns), (0, 0)], mode="symmetric")
        masks = [None if inside is None else inside[..., ::side, ::side, :] for side in self._sides]
        x = _within(masks[0], _conv(self.features[0], "head")(unshuffle(x)))
        x = self._level(x, 0, masks)
        x = shuffle(_conv(4 * channels, "tail", nn.initializers.zeros)(x))
        x = x[..., :height, :width, :]
        return image + (x * (1 - maps[0]) if self.fills else x)

    @property
    def stride(self) -> int:
        """The sides of what the network works on are multiples of this."""
        return 2 ** len(self.features)

    @property
    def reach(self) -> int:
        """How many pixels to each side an output pixel depends on, rounded up to a multiple of `stride`."""
        convolutions = [4 * self.blocks] * (len(self.features) - 1) + [2 * self.blocks]
        far = 4 + sum((n + 1) * side for n, side in zip(convolutions, self._sides, strict=True))
        return -(-far // self.stride) * self.stride

    @property
    def _sides(self) -> list[int]:
        """How many pixels a side one element stands for, on each level."""
        return [2 ** (level + 1) for level in range(len(self.features))]

    def _level(self, x: jax.Array, level: int, masks: Sequence[jax.Array | None]) -> jax.Array:
        width = self.features[level]
        for block in range(self.blocks):
            x = _residual(x, masks[level], f"down{level}_{block}")
        if level + 1 == len(self.features):
            return x
        below = _dot(self.features[level + 1], f"shrink{level}")(unshuffle(x))
        below = self._level(below, level + 1, masks)
        x = x + shuffle(_dot(4 * width, f"grow{level}")(below))
        for block in range(self.blocks):
            x = _residual(x, masks[level], f"up{level}_{block}")
        return x


def unshuffle(x: jax.Array) -> jax.Array:
    """2 x 2 pixels become one of four times the channels: `(..., H, W, C)` to `(..., H/2, W/2, 4C)`.

    Example:
      >>> unshuffle(jnp.arange(4.0).reshape(1, 2, 2, 1)).tolist()
      [[[[0.0, 1.0, 2.0, 3.0]]]]
    """
    *batch, height, width, channels = x.shape
    x = x.reshape(*batch, height // 2, 2, width // 2, 2, channels)
    return jnp.swapaxes(x, -4, -3).reshape(*batch, height // 2, width // 2, 4 * channels)


def shuffle(x: jax.Array) -> jax.Array:
    """The inverse of `unshuffle`.

    Example:
      >>> shuffle(jnp.arange(4.0).reshape(1, 1, 1, 4)).tolist()
      [[[[0.0], [1.0]], [[2.0], [3.0]]]]
    """
    *batch, height, width, channels = x.shape
    x = x.reshape(*batch, height, width, 2, 2, channels // 4)
    return jnp.swapaxes(x, -4, -3).reshape(*batch, 2 * height, 2 * width, channels // 4)


MIDDLE = np.isin(np.add.outer(np.arange(8), np.arange(8)), (3, 5))
"""A camera's noise is told as strong as it is at these frequencies of an 8 x 8 DCT,"""
SHADE = 4.0
"""by the brightness of what lies around a pixel, in pixels of a Gaussian's sigma."""


def coarseness(quality: jax.Array | float) -> jax.Array:
    """How coarse a JPEG of `quality` (1 to 100) rounds, as the networks are told: 0.02 times libjpeg's scale.

    Example:
      >>> [f"{x:.3f}" for x in coarseness(jnp.array([10.0, 50.0]))]
      ['0.100', '0.020']
    """
    quality = jnp.asarray(quality, jnp.float32)
    return 0.02 * jnp.where(quality < 50, 50 / quality, 2 - quality / 50)


def _within(mask: jax.Array | None, x: jax.Array) -> jax.Array:
    return x if mask is None else x * mask


def _residual(x: jax.Array, mask: jax.Array | None, name: str) -> jax.Array:
    width = x.shape[-1]
    inner = _within(mask, nn.relu(_conv(width, f"{name}_a")(x)))
    return x + _within(mask, _conv(width, f"{name}_b", SMALL)(inner))


def _conv(width: int, name: str, init: nn.initializers.Initializer | None = None) -> Conv:
    return Conv(width, (3, 3), use_bias=False, kernel_init=init or nn.initializers.he_normal(), name=name)


def _dot(width: int, name: str) -> Conv:
    return Conv(width, (1, 1), use_bias=False, name=name)
