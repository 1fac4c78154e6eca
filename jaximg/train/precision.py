"""In which dtype parameters rest and in which the network computes."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jaximg.train.state import Tree


def cast(tree: Tree, dtype: DTypeLike) -> Tree:
    """Every floating leaf in `dtype`; integers and keys as they are.

    Example:
      >>> cast({"w": jnp.ones(1), "n": jnp.ones(1, jnp.int32)}, "bfloat16")["w"].dtype
      dtype(bfloat16)
    """

    def one(x: jax.Array) -> jax.Array:
        return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(one, tree)
