"""The classifier of the article: three convolutions, two pools between them, two dense layers."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax

from jaximg.models.layers import Conv, Dropout, conv_general_dilated, max_pool


class CNN(nn.Module):
    """Convolutions with ReLU and pools between them; then dense layers.

        [conv 3 x 3 -> (batch norm) -> relu] for each of features, max pool 2 x 2 between them
        -> flatten -> [dense -> relu -> (dropout)] for each of hidden -> dense

    As it stands the article's, on 28 x 28 x 1: conv 32, pool, conv 64, pool, conv 64, dense 64, dense 10 (its softmax
    is in the loss); 93,322 parameters.

    Attributes:
      features: channels of the convolutions.
      hidden: widths of the dense layers before the last.
      padding: of the convolutions: "VALID", or "SAME" for pictures too small to lose two pixels at each.
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

    features: Sequence[int] = (32, 64, 64)
    hidden: Sequence[int] = (64,)
    classes: int = 10
    padding: str = "VALID"
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
            pool, plain = i + 1 < len(self.features), not self.batch_norm
            how = _then_pool if pool and plain else conv_general_dilated
            name = f"conv{i}"
            x = Conv(width, (3, 3), padding=self.padding, use_bias=plain, conv_general_dilated=how, name=name)(x)
            if self.batch_norm:
                x = nn.BatchNorm(not train, axis_name=self.axis_name if train else None, name=f"norm{i}")(x)
            x = nn.relu(x)
            x = max_pool(x, (2, 2), (2, 2)) if pool and not plain else x
        x = x.reshape(x.shape[0], -1)
        for i, width in enumerate(self.hidden):
            x = nn.relu(nn.Dense(width, name=f"dense{i}")(x))
            x = Dropout(self.dropout, name=f"dropout{i}")(x, index, train=train)
        return x if hidden else nn.Dense(self.classes, name="logits")(x)


def _then_pool(*args: Any, **kwargs: Any) -> jax.Array:
    """A convolution and the pool: the bias and the ReLU between them come after it, on a quarter of the numbers.

    Neither changes which of four is the largest, so value and gradient are the same.
    """
    return max_pool(conv_general_dilated(*args, **kwargs), (2, 2), (2, 2))
