"""The classifier of the article: two convolutions, two pools, two dense layers."""

from collections.abc import Sequence

import flax.linen as nn
import jax

from jaximg.models.layers import Conv, Dropout, max_pool


class CNN(nn.Module):
    """Convolution, ReLU and pooling, repeated; then dense layers.

        [conv 3 x 3 -> (batch norm) -> relu -> max pool 2 x 2] for each of features
        -> flatten -> [dense -> relu -> (dropout)] for each of hidden -> dense

    As it stands, on 28 x 28 x 1: 824,458 parameters.

    Attributes:
      features: channels of the convolutions.
      hidden: widths of the dense layers before the last.
      classes: how many logits.
      dropout: what part of the hidden units is dropped in training.
      batch_norm: whether convolutions are followed by batch norm (and then have no bias).
      axis_name: the axis that `pmap` or `shard_map` splits the batch over; steps set it.

    Example:
      >>> import jax.numpy as jnp
      >>> net = CNN(features=(4,), hidden=(8,))
      >>> net.init_with_output(jax.random.key(0), jnp.ones((2, 8, 8, 1)))[0].shape
      (2, 10)
    """

    features: Sequence[int] = (32, 64)
    hidden: Sequence[int] = (256,)
    classes: int = 10
    dropout: float = 0.0
    batch_norm: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, image: jax.Array, *, train: bool = False, index: jax.Array | None = None, hidden: bool = False
    ) -> jax.Array:
        """Logits `(B, classes)` of pictures `(B, H, W, C)` in [0, 1].

        With `hidden=True` what the last layer sees, `(B, hidden[-1])`: the features of a Frechet distance.
        """
        x = image
        for i, width in enumerate(self.features):
            x = Conv(width, (3, 3), use_bias=not self.batch_norm, name=f"conv{i}")(x)
            if self.batch_norm:
                x = nn.BatchNorm(not train, axis_name=self.axis_name if train else None, name=f"norm{i}")(x)
            x = max_pool(nn.relu(x), (2, 2), (2, 2))
        x = x.reshape(x.shape[0], -1)
        for i, width in enumerate(self.hidden):
            x = nn.relu(nn.Dense(width, name=f"dense{i}")(x))
            x = Dropout(self.dropout, name=f"dropout{i}")(x, index, train=train)
        return x if hidden else nn.Dense(self.classes, name="logits")(x)
