"""A small convolutional GAN for pictures whose sides divide by four."""

from collections.abc import Sequence

import flax.linen as nn
import jax

from jaximg.models.layers import Conv, ConvTranspose

SLOPE = 0.2
"""Of the leaky ReLUs below zero."""
INIT = nn.initializers.normal(0.02)


class DCGenerator(nn.Module):
    """From noise to a picture in [-1, 1]: a dense layer, then transposed convolutions that double the side.

        dense -> [batch norm -> relu -> transposed conv 4 x 4, stride 2] for each of features -> tanh

    As it stands, from 64 numbers: 533,889 parameters.

    Attributes:
      shape: of the picture; its sides divide by `2 ** len(features)`.
      features: channels before each doubling.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over; steps set it.

    Example:
      >>> import jax.numpy as jnp
      >>> DCGenerator(features=(8, 4)).init_with_output(jax.random.key(0), jnp.ones((2, 5)))[0].shape
      (2, 28, 28, 1)

    References:
      Radford et al., Unsupervised representation learning with deep convolutional GANs, ICLR 2016.
    """

    shape: tuple[int, int, int] = (28, 28, 1)
    features: Sequence[int] = (128, 64)
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool = False) -> jax.Array:
        """Pictures `(B, *shape)` of z, `(B, latent)`."""
        (height, width, channels), times = self.shape, 2 ** len(self.features)
        if height % times or width % times:
            raise ValueError(
                f"{height} x {width} can't be reached by doubling {len(self.features)} times: divide by {times}"
            )
        height, width = height // times, width // times
        x = nn.Dense(height * width * self.features[0], use_bias=False, kernel_init=INIT, name="start")(z)
        x = x.reshape(x.shape[0], height, width, self.features[0])
        axis_name = self.axis_name if train else None
        for i, out in enumerate((*self.features[1:], channels)):
            x = nn.relu(nn.BatchNorm(not train, momentum=0.9, axis_name=axis_name, name=f"norm{i}")(x))
            last = i + 1 == len(self.features)
            x = ConvTranspose(out, (4, 4), strides=(2, 2), use_bias=last, kernel_init=INIT, name=f"grow{i}")(x)
        return nn.tanh(x)


class DCDiscriminator(nn.Module):
    """From a picture in [-1, 1] to a score: convolutions of stride 2, no norms, so that R1 and R2 apply.

        [conv 4 x 4, stride 2 -> leaky relu] for each of features -> flatten -> dense

    As it stands, on 28 x 28 x 1: 138,561 parameters.

    Attributes:
      features: channels of the convolutions.

    Example:
      >>> import jax.numpy as jnp
      >>> DCDiscriminator(features=(4, 8)).init_with_output(jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
      (2,)
    """

    features: Sequence[int] = (64, 128)

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """Scores `(B,)` of pictures `(B, H, W, C)`."""
        x = image
        for i, width in enumerate(self.features):
            x = nn.leaky_relu(Conv(width, (4, 4), strides=(2, 2), kernel_init=INIT, name=f"conv{i}")(x), SLOPE)
        return nn.Dense(1, kernel_init=INIT, name="score")(x.reshape(x.shape[0], -1))[:, 0]
