from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaximg.ops import primitives, windows
from jaximg.typing import BORDERS


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 2), (5, 4, 3)])
def test_pad_equals_numpy_at_any_width_wider_than_the_image_too(border, shape, rng):
    image = rng.random(shape).astype(np.float32)
    for height, width in (((0, 0), (0, 0)), ((1, 2), (0, 3)), ((7, 11), (9, 8))):
        want = np.pad(image, (height, width, (0, 0)), mode=border)
        np.testing.assert_array_equal(windows.pad(jnp.asarray(image), height, width, border), want)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("rows", [1, 2, 5, 12])
def test_over_rows_equals_the_window_of_the_padded_image(border, rows, rng):
    image = jnp.asarray(rng.random((2, rows, 4, 3)), jnp.float32)

    def window(x):
        return windows.shifted(x, 0, 0, x.shape[-3] - 3, 4) - windows.shifted(x, 3, 0, x.shape[-3] - 3, 4)

    want = window(windows.pad(image, (2, 1), (0, 0), border))
    np.testing.assert_array_equal(windows.over_rows(window, image, 2, 1, border), want)


def plain_correlation(x, kernel):
    kernel = kernel if kernel.ndim == 3 else kernel[..., None]
    kh, kw = kernel.shape[:2]
    h, w = x.shape[-3] - kh + 1, x.shape[-2] - kw + 1
    taps = [kernel[i, j] * windows.shifted(x, i, j, h, w) for i in range(kh) for j in range(kw)]
    return sum(taps[1:], taps[0])


TRANSFORMS = {
    "grad": lambda f, x, k: jax.grad(f, (0, 1))(x, k),
    "jvp": lambda f, x, k: jax.jvp(f, (x, k), (x * 2, k + 1)),
    "hessian": lambda f, x, k: jax.hessian(f, (0, 1))(x, k),
    "grad of grad": lambda f, x, k: jax.grad(lambda x, k: jnp.sum(jnp.square(jax.grad(f)(x, k))), (0, 1))(x, k),
    "vmap over images": lambda f, x, k: jax.vmap(jax.grad(f, (0, 1)), (0, None))(jnp.stack([x, 2 * x]), k),
    "vmap over kernels": lambda f, x, k: jax.vmap(jax.grad(f, (0, 1)), (None, 0))(x, jnp.stack([k, 2 * k, k + 1])),
    "vmap over both": lambda f, x, k: jax.vmap(jax.vmap(f, (None, 0)), (0, None))(
        jnp.stack([x, x + 1]), jnp.stack([k, 2 * k, k + 1])
    ),
}


@pytest.mark.parametrize("channels", [None, 2], ids=["shared kernel", "kernel a channel"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_correlation_primitive_has_every_derivative_of_the_plain_sum(name, channels, rng):
    x = jnp.asarray(rng.standard_normal((5, 6, 2)), jnp.float32)
    k = jnp.asarray(rng.standard_normal((3, 2) if channels is None else (3, 2, 2)), jnp.float32)
    with jax.numpy_rank_promotion("allow"):
        ours, plain = (
            jax.jit(partial(TRANSFORMS[name], lambda x, k, c=c: jnp.sum(jnp.square(c(x, k)))))(x, k)
            for c in (windows.correlate_valid, plain_correlation)
        )
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_kernels_beyond_the_unrolled_size_give_the_same_values_and_gradients(rng, monkeypatch):
    x, k = jnp.asarray(rng.random((9, 9, 2)), jnp.float32), jnp.asarray(rng.random((4, 5)), jnp.float32)

    @jax.jit
    def values(x, k):
        return jax.value_and_grad(lambda x, k: jnp.sum(jnp.square(windows.correlate_valid(x, k))), (0, 1))(x, k)

    unrolled = values(x, k)
    monkeypatch.setattr(primitives, "UNROLLED_TAPS", 1)
    jax.clear_caches()
    for a, b in zip(jax.tree.leaves(values(x, k)), jax.tree.leaves(unrolled), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    jax.clear_caches()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 16, 17, 31])
def test_sliding_windows_equal_reduce_window_at_any_size(size, rng):
    x = jnp.asarray(rng.random((33, 40, 2)), jnp.float32)
    for ours, start, reducer in (
        (windows.sliding_max, -jnp.inf, lax.max),
        (windows.sliding_min, jnp.inf, lax.min),
        (windows.sliding_sum, 0.0, lax.add),
    ):
        want = lax.reduce_window(x, np.float32(start), reducer, (size, size + 2, 1), (1, 1, 1), "VALID")
        np.testing.assert_allclose(ours(x, size, size + 2), want, rtol=1e-6)


def test_apart_changes_no_value_under_grad_vmap_and_export(rng):
    x = jnp.asarray(rng.random((3, 4)), jnp.float32)

    def f(x):
        return jnp.sum(windows.apart(lambda a: jnp.sin(a) * a)(x) ** 2)

    def plain(x):
        return jnp.sum((jnp.sin(x) * x) ** 2)

    for transform in (lambda f: f(x), lambda f: jax.grad(f)(x), lambda f: jax.vmap(f)(x), lambda f: jax.hessian(f)(x)):
        np.testing.assert_allclose(transform(f), transform(plain), rtol=1e-5, atol=1e-6)
