"""The GAN of the article: dense layers alone."""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax

from jaximg.models.layers import Dropout


class MLPGenerator(nn.Module):
    """From noise to a picture in [-1, 1].

        [dense -> relu -> (batch norm)] for each of features -> dense -> tanh

    As it stands the article's, from 100 numbers: 1,489,936 parameters, 3,584 of them the batch norms'.

    Attributes:
      shape: of the picture.
      features: widths of the dense layers.
      batch_norm: whether they are followed by batch norm, of momentum 0.8.
      slope: of the ReLUs below zero; 0.2 makes them leaky.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over; steps set it.

    Example:
      >>> import jax.numpy as jnp
      >>> MLPGenerator(features=(8,)).init_with_output(jax.random.key(0), jnp.ones((2, 5)))[0].shape
      (2, 28, 28, 1)
    """

    shape: tuple[int, int, int] = (28, 28, 1)
    features: Sequence[int] = (256, 512, 1024)
    batch_norm: bool = True
    slope: float = 0.0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool = False) -> jax.Array:
        """Pictures `(B, *shape)` of z, `(B, latent)`."""
        x = z
        for i, width in enumerate(self.features):
            x = nn.leaky_relu(nn.Dense(width, name=f"dense{i}")(x), self.slope)
            if self.batch_norm:
                axis_name = self.axis_name if train else None
                x = nn.BatchNorm(not train, momentum=0.8, axis_name=axis_name, name=f"norm{i}")(x)
        x = nn.tanh(nn.Dense(math.prod(self.shape), name="picture")(x))
        return x.reshape(x.shape[0], *self.shape)


class MLPDiscriminator(nn.Module):
    """From a picture in [-1, 1] to a score, high where it looks real (a logit, no sigmoid).

        flatten -> [dense -> relu -> (batch norm) -> (dropout)] for each of features -> dense

    As it stands the article's, on 28 x 28 x 1 (its sigmoid is in the loss): 535,041 parameters.

    Attributes:
      features: widths of the dense layers.
      dropout: what part of the hidden units is dropped in training.
      batch_norm: whether there are batch norms; they couple the batch, so switch them off for R1 and R2.
      slope: of the ReLUs below zero; 0.2 makes them leaky.
      axis_name: the axis that `pmap` or `shard_map` splits the batch over; steps set it.

    Example:
      >>> import jax.numpy as jnp
      >>> MLPDiscriminator(features=(8,)).init_with_output(jax.random.key(0), jnp.ones((2, 28, 28, 1)))[0].shape
      (2,)
    """

    features: Sequence[int] = (512, 256)
    dropout: float = 0.0
    batch_norm: bool = True
    slope: float = 0.0
    axis_name: str | None = None

    @nn.compact
    def __call__(self, image: jax.Array, *, train: bool = False, index: jax.Array | None = None) -> jax.Array:
        """Scores `(B,)` of pictures `(B, H, W, C)`."""
        x = image.reshape(image.shape[0], -1)
        for i, width in enumerate(self.features):
            x = nn.leaky_relu(nn.Dense(width, name=f"dense{i}")(x), self.slope)
            if self.batch_norm:
                x = nn.BatchNorm(not train, axis_name=self.axis_name if train else None, name=f"norm{i}")(x)
            x = Dropout(self.dropout, name=f"dropout{i}")(x, index, train=train)
        return nn.Dense(1, name="score")(x)[:, 0]
