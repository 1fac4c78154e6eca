"""A residual pair of networks without norms, for pictures of 28 pixels a side and of powers of two.

Nothing couples the pictures of a batch, so one vjp gives the gradients that R1 and R2 hold small, and every block
begins as the identity, so training needs no norm to start.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaximg.models.layers import Conv
from jaximg.ops import depth_to_space, space_to_depth

SLOPE = 0.2
"""Of the leaky ReLUs below zero."""
LINEAR = nn.initializers.lecun_normal()
PRESETS: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    28: ((128, 128, 48), (2, 2, 1)),
    32: ((128, 128, 48), (2, 2, 1)),
    64: ((160, 128, 96, 48), (2, 2, 1, 1)),
    128: ((160, 160, 128, 64, 32), (2, 2, 1, 1, 1)),
}
"""Widths and numbers of blocks by the side of the picture, from 4 x 4 on."""


class Residual(nn.Module):
    """A block that adds what three convolutions make of its input; at first nothing.

        x + conv 1 x 1 (lrelu (conv 3 x 3 (lrelu (conv 1 x 1 (x)))))

    Attributes:
      inner: channels of the 3 x 3 convolution.
      blocks: how many such blocks the network has: the more, the smaller they begin.

    Example:
      >>> Residual(4, 2).init_with_output(jax.random.key(0), jnp.ones((1, 5, 5, 8)))[0].shape
      (1, 5, 5, 8)

    References:
      Huang et al., The GAN is dead; long live the GAN!, NeurIPS 2024, figure 3; Zhang et al., Fixup initialization,
      ICLR 2019 (how blocks begin).
    """

    inner: int
    blocks: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """As many channels as come in."""
        scale = 2.0 / (1.0 + SLOPE**2) / self.blocks**0.5
        init = nn.initializers.variance_scaling(scale, "fan_in", "normal")
        y = nn.leaky_relu(Conv(self.inner, (1, 1), kernel_init=init, name="in")(x), SLOPE)
        y = nn.leaky_relu(Conv(self.inner, (3, 3), kernel_init=init, name="mid")(y), SLOPE)
        return x + Conv(x.shape[-1], (1, 1), use_bias=False, kernel_init=nn.initializers.zeros, name="out")(y)


class DenseResidual(nn.Module):
    """The same of vectors: where a picture is one, at 1 x 1, all of it is weighed together.

        x + dense (lrelu (dense (x)))

    Attributes:
      blocks: as those of `Residual`.

    Example:
      >>> DenseResidual(2).init_with_output(jax.random.key(0), jnp.ones((1, 8)))[0].shape
      (1, 8)
    """

    blocks: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """As many numbers as come in."""
        init = nn.initializers.variance_scaling(2.0 / (1.0 + SLOPE**2) / self.blocks**0.5, "fan_in", "normal")
        y = nn.leaky_relu(nn.Dense(x.shape[-1], kernel_init=init, name="in")(x), SLOPE)
        return x + nn.Dense(x.shape[-1], use_bias=False, kernel_init=nn.initializers.zeros, name="out")(y)


class ConvGenerator(nn.Module):
    """From noise to a picture, linear at its end: a learned 4 x 4 pattern, then blocks, doubled until it is large.

        pattern * dense(z) -> blocks -> [twice the side -> blocks] ... -> conv 3 x 3 -> depth to space

    As it stands, from 64 numbers: 239,204 parameters.

    Attributes:
      shape: of the picture: square, 28 or a power of two from 16 on.
      features: widths from 4 x 4 on, one for each doubling but the last; None takes those of `PRESETS`.
      blocks: at each side, or one number for all; None takes those of `PRESETS`.
      patch: pixels a side of the blocks that the last convolution makes, or the first one sees, at once.
      squeeze: how many times fewer channels a 3 x 3 convolution has.
      dense: blocks at 1 x 1, before the pattern: they cost next to nothing, and tell apart what isn't neighbouring.
      classes: how many, if pictures are made to order; 0 if not.

    Example:
      >>> net = ConvGenerator(features=(8, 8, 4))
      >>> net.init_with_output(jax.random.key(0), jnp.ones((2, 5)))[0].shape
      (2, 28, 28, 1)

    References:
      Huang et al., The GAN is dead; long live the GAN!, NeurIPS 2024, section 4.
    """

    shape: tuple[int, int, int] = (28, 28, 1)
    features: Sequence[int] | None = None
    blocks: int | Sequence[int] | None = None
    squeeze: int = 2
    patch: int = 2
    dense: int = 0
    classes: int = 0

    @nn.compact
    def __call__(self, z: jax.Array, label: jax.Array | None = None) -> jax.Array:
        """Pictures `(B, *shape)`, about [-1, 1], of z, `(B, latent)`, and of classes `(B,)` where there are some."""
        sides, widths, depths = plan(self.shape, self.features, self.blocks, self.patch)
        if self.classes:
            z = jnp.concatenate([z, _embedded(self.classes, z.shape[-1], label)], -1)
        pattern = self.param("pattern", nn.initializers.normal(1.0), (sides[0], sides[0], widths[0]))
        x = nn.Dense(widths[0], use_bias=False, kernel_init=LINEAR, name="start")(z)
        for j in range(self.dense):
            x = DenseResidual(self.dense, name=f"dense{j}")(x)
        x = x[:, None, None, :] * pattern[None].astype(x.dtype)
        for i, (side, width, depth) in enumerate(zip(sides, widths, depths, strict=True)):
            if width != x.shape[-1]:
                x = Conv(width, (1, 1), use_bias=False, kernel_init=LINEAR, name=f"widen{i}")(x)
            x = grown(x, side)
            for j in range(depth):
                x = Residual(width // self.squeeze, sum(depths), name=f"block{i}_{j}")(x)
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],)).astype(x.dtype)
        x = nn.leaky_relu(x + bias[None, None, None, :], SLOPE)
        x = Conv(self.patch**2 * self.shape[-1], (3, 3), kernel_init=LINEAR, name="picture")(x)
        return jnp.asarray(depth_to_space(x, self.patch))


class ConvDiscriminator(nn.Module):
    """From a picture in [-1, 1] to a score, high where it looks real: the generator's mirror image.

        space to depth -> conv 3 x 3 -> [blocks -> half the side] ... -> blocks -> depthwise 4 x 4 -> dense

    As it stands, on 28 x 28 x 1: 231,137 parameters.

    Attributes:
      features: widths from 4 x 4 outwards; None takes those of `PRESETS`.
      blocks: at each side, or one number for all; None takes those of `PRESETS`.
      patch: pixels a side of the blocks that the last convolution makes, or the first one sees, at once.
      squeeze: how many times fewer channels a 3 x 3 convolution has.
      dense: blocks at 1 x 1, before the score.
      classes: how many, if it is told what each picture should show; 0 if not.

    Example:
      >>> net = ConvDiscriminator(features=(8, 8, 4))
      >>> net.init_with_output(jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
      (2,)

    References:
      Huang et al., The GAN is dead; long live the GAN!, NeurIPS 2024, section 4; Miyato & Koyama, cGANs with projection
      discriminator, ICLR 2018 (classes).
    """

    features: Sequence[int] | None = None
    blocks: int | Sequence[int] | None = None
    squeeze: int = 2
    patch: int = 2
    dense: int = 0
    classes: int = 0

    @nn.compact
    def __call__(self, image: jax.Array, label: jax.Array | None = None) -> jax.Array:
        """Scores `(B,)` of pictures `(B, H, W, C)`."""
        sides, widths, depths = plan(image.shape[1:], self.features, self.blocks, self.patch)
        x = Conv(widths[-1], (3, 3), kernel_init=LINEAR, name="picture")(space_to_depth(image, self.patch))
        for i in reversed(range(len(sides))):
            x = halved(x, sides[i])
            if widths[i] != x.shape[-1]:
                x = Conv(widths[i], (1, 1), use_bias=False, kernel_init=LINEAR, name=f"widen{i}")(x)
            for j in range(depths[i]):
                x = Residual(widths[i] // self.squeeze, sum(depths), name=f"block{i}_{j}")(x)
        # a depthwise convolution as large as the picture
        kernel = self.param("pool", _fan(sides[0] ** 2), (sides[0], sides[0], widths[0]))
        x = jnp.einsum("bhwc,hwc->bc", x, kernel.astype(x.dtype))
        for j in range(self.dense):
            x = DenseResidual(self.dense, name=f"dense{j}")(x)
        if not self.classes:
            return nn.Dense(1, kernel_init=LINEAR, name="score")(x)[:, 0]
        x = nn.Dense(widths[0], kernel_init=LINEAR, name="score")(x)
        return jnp.sum(x * _embedded(self.classes, widths[0], label), -1) / widths[0] ** 0.5


def plan(
    shape: Sequence[int], features: Sequence[int] | None, blocks: int | Sequence[int] | None, patch: int = 2
) -> tuple[list[int], list[int], list[int]]:
    """Sides, widths and numbers of blocks, from 4 x 4 on to that of the picture in patches.

    Args:
      shape: `(H, W, C)` of the picture.
      features: widths, or None for those of `PRESETS`.
      blocks: at each side, or one number for all; None likewise.
      patch: pixels a side that a convolution makes or sees at once.

    Returns:
      Three lists of one length.

    Raises:
      ValueError: a picture that doubling doesn't reach, or lists of other lengths.

    Example:
      >>> plan((28, 28, 1), (128, 64, 32), 2)
      ([4, 7, 14], [128, 64, 32], [2, 2, 2])
    """
    height, width = shape[0], shape[1]
    if height != width or (height != 28 and (height < 16 or height & (height - 1))):
        raise ValueError(f"{height} x {width}: these networks make squares of 28 or a power of two from 16 on")
    sides = [height // patch]
    while sides[0] > 4:
        sides.insert(0, -(-sides[0] // 2))
    if (features is None or blocks is None) and height not in PRESETS:
        raise ValueError(f"no preset for {height} x {width}: give {len(sides)} features and blocks")
    usual = PRESETS.get(height, ((), ()))
    widths = list(usual[0] if features is None else features)
    depths = [blocks] * len(sides) if isinstance(blocks, int) else list(usual[1] if blocks is None else blocks)
    if not len(widths) == len(depths) == len(sides):
        raise ValueError(f"{height} x {width} passes the sides {sides}: as many features and blocks, please")
    return sides, widths, depths


def grown(x: jax.Array, side: int) -> jax.Array:
    """Bilinear, `(B, H, W, C)` to `(B, side, side, C)`."""
    return x if x.shape[1] == side else jax.image.resize(x, (x.shape[0], side, side, x.shape[3]), "linear")


def halved(x: jax.Array, side: int) -> jax.Array:
    """Means of 2 x 2 pixels, which is bilinear, or of what is there of them; `(B, H, W, C)` to `(B, side, side, C)`."""
    batch, height, width, channels = x.shape
    if height == side:
        return x
    if height % 2:
        x = jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)))
    there = jnp.ones(side, x.dtype).at[-1].set(2.0 if height % 2 else 1.0)
    weights = 0.25 * there[:, None] * there[None, :]
    return jnp.sum(x.reshape(batch, side, 2, side, 2, channels), (2, 4)) * weights[None, :, :, None]


def _embedded(classes: int, size: int, label: jax.Array | None) -> jax.Array:
    """A learned vector for each class, of unit variance."""
    if label is None:
        raise ValueError(f"a network of {classes} classes: it needs label, (B,) integers")
    return nn.Embed(classes, size, embedding_init=nn.initializers.normal(1.0), name="classes")(label)


def _fan(inputs: int) -> nn.initializers.Initializer:
    return nn.initializers.normal(inputs**-0.5)
