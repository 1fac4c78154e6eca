"""Linear maps that bring their own adjoint: derivatives written by hand where JAX's own would be slow or large.

`jax.custom_vjp` would take away forward mode, and with it second derivatives. A pair of primitives, each the other's
transpose, keeps both modes, any order of derivative, and vmap.
"""

import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir


def linear_pair(
    name: str, forward: Callable[..., jax.Array], backward: Callable[..., jax.Array], static: Sequence[str] = ()
) -> Callable[..., jax.Array]:
    """`forward`, whose transpose in its first argument is `backward`.

    Args:
      name: of the primitive.
      forward: `(x, *others, **static) -> y`, linear in x; arrays only, pictures `(..., H, W, C)` or scalars.
      backward: `(y, *others, **static) -> x`, the adjoint for the same others.
      static: names of the keyword arguments that are not arrays.

    Returns:
      `forward`, to be called with arrays by position and the rest by keyword.

    Example:
      >>> twice = linear_pair("twice", lambda x, by: x * by, lambda y, by: y * by)
      >>> jax.grad(lambda x: twice(x, jnp.float32(2)).sum())(jnp.ones(3)).tolist()
      [2.0, 2.0, 2.0]
    """
    there, back = Primitive(name), Primitive(f"{name}_adjoint")
    for primitive, twin, function in ((there, back, forward), (back, there, backward)):
        jitted = jax.jit(function, static_argnames=tuple(static))
        primitive.def_impl(jitted)
        primitive.def_abstract_eval(partial(_shape, jitted))
        ad.primitive_jvps[primitive] = partial(_jvp, primitive, function)
        ad.primitive_transposes[primitive] = partial(_transpose, twin)
        batching.primitive_batchers[primitive] = partial(_batch, primitive, function)
        mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))
    return there.bind


def _shape(jitted: Any, x: Any, *others: Any, **static: Any) -> Any:
    out = jitted.eval_shape(*(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (x, *others)), **static)
    return x.update(shape=out.shape, dtype=out.dtype, weak_type=False)


def _jvp(
    p: Primitive, function: Callable[..., jax.Array], primals: Sequence[Any], tangents: Sequence[Any], **static: Any
) -> tuple[jax.Array, Any]:
    """Linear in the first argument; in the others JAX differentiates the function as it is written."""
    out, parts = p.bind(*primals, **static), []
    if not isinstance(tangents[0], ad.Zero):
        parts.append(p.bind(tangents[0], *primals[1:], **static))
    moved = [i for i, t in enumerate(tangents) if i > 0 and not isinstance(t, ad.Zero)]

    def of(*values: Any) -> jax.Array:
        arguments = list(primals)
        for i, value in zip(moved, values, strict=True):
            arguments[i] = value
        return function(*arguments, **static)

    if moved:
        parts.append(jax.jvp(of, [primals[i] for i in moved], [tangents[i] for i in moved])[1])
    return out, reduce(operator.add, parts) if parts else jnp.zeros_like(out)


def _transpose(twin: Primitive, cotangent: Any, x: Any, *others: Any, **static: Any) -> list[Any]:
    none = [None] * len(others)
    if isinstance(cotangent, ad.Zero):
        return [ad.Zero(x.aval), *none]
    return [twin.bind(cotangent, *others, **static), *none]


def _batch(
    p: Primitive, function: Callable[..., jax.Array], args: Sequence[Any], axes: Sequence[int | None], **static: Any
) -> tuple[jax.Array, int]:
    """Pictures get one batch axis more in front; scalars of which there are many are left to JAX."""
    if any(axis is not None and a.ndim < 4 for a, axis in zip(args, axes, strict=True)):
        return jax.vmap(partial(function, **static), in_axes=tuple(axes))(*args), 0
    size = next(a.shape[axis] for a, axis in zip(args, axes, strict=True) if axis is not None)
    front = (
        a if a.ndim < 3 else jnp.broadcast_to(a, (size, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0)
        for a, axis in zip(args, axes, strict=True)
    )
    return p.bind(*front, **static), 0
