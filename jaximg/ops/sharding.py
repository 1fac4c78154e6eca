"""One image on many devices: a windowed operator sees its neighbours' rows and columns, and the true border."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType, Mesh, PartitionSpec

from jaximg.typing import Image, check_image


def sharded(
    function: Callable[[jax.Array], jax.Array],
    mesh: Mesh,
    *,
    halo: int | tuple[int, int],
    axes: tuple[str | None, str | None] | None = None,
) -> Callable[[Image], jax.Array]:
    """Runs a windowed operator on an image whose rows (and columns) are split over the devices of a mesh.

        block = image[clip(start - halo) : clip(start + size + halo)]
        out[start : start + size] = crop(function(block))

    Each device gets `halo` rows of both neighbours by `ppermute`. A device at the image's edge has no neighbour there:
    its block is moved inwards by `halo`, so that the function meets the true edge and applies its own border; the
    result equals `function(image)`, borders included (but for "wrap", whose other side is on another device). The halo
    of a pipeline is the sum of its operators' reaches: `gaussian_blur` with radius 6, then `sobel`, need 7.

    Args:
      function: `(..., h, w, C) -> (..., h, w, C')`, translation-invariant, looking at most `halo` pixels around.
      mesh: devices; its first axis splits the rows, its second, if there is one, the columns.
      halo: pixels that the function looks around, one int or `(rows, columns)`.
      axes: the mesh axes for rows and columns by name, None for one that is not split.

    Returns:
      A function of the image, `(..., H, W, C) -> (..., H, W, C')`, for use under `jax.jit` or outside, differentiable.
      H and W need not be divisible by the number of devices.

    Raises:
      ValueError: when called, if a device's block with its halo would not fit into the image: use fewer devices.

    Example:
      >>> from jaximg import ops
      >>> mesh = jax.make_mesh((1,), ("rows",))
      >>> blur = sharded(partial(ops.gaussian_blur, sigma=1.0), mesh, halo=4)
      >>> blur(jnp.ones((16, 16, 1))).shape
      (16, 16, 1)

    References:
      Halo exchange as in stencil codes; `jax.shard_map`, `jax.lax.ppermute`.
    """
    names = axes if axes is not None else (*mesh.axis_names, None)[:2]
    reach = (halo, halo) if isinstance(halo, int) else halo
    mesh = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))
    splits = [(axis, name, r) for axis, name, r in zip((-3, -2), names, reach, strict=True) if name is not None]

    def run(image: Image) -> jax.Array:
        image = check_image(image)
        sizes = image.shape
        plans = [_Plan(sizes[axis], axis, name, mesh.shape[name], r) for axis, name, r in splits]
        padded = image
        for plan in plans:
            padded = plan.fill(padded)
        spec = PartitionSpec(*[None] * (image.ndim - 3), *names, None)
        split = jax.shard_map(
            partial(_local, function, plans), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False
        )
        return split(padded)[..., : sizes[-3], : sizes[-2], :]

    return run


class _Plan:
    """How one axis of `total` pixels is cut into `count` blocks of `size`, each seen with `halo` pixels around."""

    def __init__(self, total: int, axis: int, name: str, count: int, halo: int):
        self.total, self.axis, self.name, self.count, self.halo = total, axis, name, count, halo
        self.size = -(-total // count)
        self.window = self.size + 2 * halo if count > 1 else total
        if self.window > total:
            raise ValueError(
                f"{total} pixels over {count} devices are blocks of {self.size}; with a halo of {halo} on both sides "
                f"they exceed the image: split over at most {max(1, total // (2 * halo + 1))} devices"
            )

    def fill(self, x: jax.Array) -> jax.Array:
        missing = self.size * self.count - self.total
        config = [(0, 0, 0)] * x.ndim
        config[self.axis] = (0, missing, 0)
        return lax.pad(x, jnp.zeros((), x.dtype), config)

    def see(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """This device's block with its surroundings, and where in it the block begins."""
        if self.count == 1:
            return lax.slice_in_dim(x, 0, self.total, axis=x.ndim + self.axis), jnp.zeros((), jnp.int32)
        near = 2 * self.halo
        hops = range(1, -(-near // self.size) + 1)
        above = [self._from(x, -hop) for hop in reversed(hops)]
        below = [self._from(x, hop) for hop in hops]
        around = jnp.concatenate([*above, x, *below], self.axis)
        begin = lax.axis_index(self.name) * self.size
        start = jnp.clip(begin - self.halo, 0, self.total - self.window)
        offset = start - begin + len(hops) * self.size
        return lax.dynamic_slice_in_dim(around, offset, self.window, around.ndim + self.axis), begin - start

    def crop(self, x: jax.Array, begin: jax.Array) -> jax.Array:
        """The block itself; a last one that is partly beyond the image is filled with what follows, and cut later."""
        axis = x.ndim + self.axis
        config = [(0, 0, 0)] * x.ndim
        config[axis] = (0, self.size, 0)
        return lax.dynamic_slice_in_dim(lax.pad(x, jnp.zeros((), x.dtype), config), begin, self.size, axis)

    def _from(self, x: jax.Array, hop: int) -> jax.Array:
        pairs = [(i + hop, i) for i in range(self.count) if 0 <= i + hop < self.count]
        return lax.ppermute(x, self.name, pairs)


def _local(function: Callable[[jax.Array], jax.Array], plans: list[_Plan], x: jax.Array) -> jax.Array:
    begins = []
    for plan in plans:
        x, begin = plan.see(x)
        begins.append(begin)
    x = function(x)
    for plan, begin in zip(plans, begins, strict=True):
        x = plan.crop(x, begin)
    return x
