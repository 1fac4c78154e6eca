"""Facts about ops/denoise.py beyond its rows."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops
from tests.op_case import unit


def noisy_pair(shape: tuple[int, ...], sigma: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    clean = unit(rng, shape)
    return clean, (clean + sigma * rng.standard_normal(shape)).astype(np.float32)


def error(a: object, b: object) -> float:
    return float(np.sqrt(np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (1, 40), (17, 8)])
def test_tiny_pictures_are_denoised_too(size):
    x = jnp.asarray(unit(np.random.default_rng(0), (*size, 3)))
    for out in (ops.dct_denoise(x, 0.1), ops.nl_means(x, 0.1, search=5, patch=3), ops.tv_denoise(x, 0.1)):
        assert out.shape == x.shape
        assert np.isfinite(out).all()


def test_no_noise_changes_nothing():
    x = unit(np.random.default_rng(0), (40, 50, 3))
    np.testing.assert_allclose(ops.dct_denoise(x, 0.0), x, atol=1e-6)
    np.testing.assert_allclose(ops.nl_means(x, 0.0, search=5), x, atol=1e-6)
    np.testing.assert_allclose(ops.tv_denoise(x, 0.0), x, atol=1e-6)


def test_dct_denoise_leaves_a_third_of_the_noise_at_most():
    clean, noisy = noisy_pair((96, 96, 3), 0.1)
    smooth = np.asarray(ops.gaussian_blur(clean, 3.0))
    noisy = smooth + noisy - clean
    assert error(ops.dct_denoise(noisy, 0.1), smooth) < 0.1 / 3


def test_one_sigma_for_each_opponent_channel():
    _, noisy = noisy_pair((32, 32, 3), 0.1)
    grey = ops.dct_denoise(noisy, jnp.asarray([0.1, 0.0, 0.0]))
    np.testing.assert_allclose(grey[..., 0] - grey[..., 2], noisy[..., 0] - noisy[..., 2], atol=1e-5)
    assert error(grey, noisy) > 0.01


def test_dct_denoise_says_what_is_wrong():
    x = jnp.zeros((8, 8, 3))
    with pytest.raises(ValueError, match="multiples of their overlap"):
        ops.dct_denoise(x, 0.1, blocks=(6,))
    with pytest.raises(ValueError, match="multiples of their overlap"):
        ops.dct_denoise(x, 0.1, blocks=())
    with pytest.raises(ValueError, match="multiples of their overlap"):
        ops.dct_denoise(x, 0.1, blocks=(8,), overlap=(2, 2))
    with pytest.raises(ValueError, match="negative"):
        ops.dct_denoise(x, -0.1)
    with pytest.raises(ValueError, match="scalar or"):
        ops.dct_denoise(x, jnp.ones(2))


@pytest.mark.parametrize("channels", [1, 3])
def test_nl_means_is_opencvs_but_for_its_rounding_to_bytes(channels):
    _, noisy = noisy_pair((72, 80, channels), 0.1)
    noisy = np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
    want = cv2.fastNlMeansDenoising(noisy, None, 40, 5, 13).reshape(noisy.shape).astype(np.float32)
    got = ops.nl_means(noisy.astype(np.float32), 40, patch=5, search=13)
    np.testing.assert_allclose(got, want, atol=0.51)


def test_tv_denoise_lowers_the_energy_that_it_names_and_keeps_the_mean():
    _, noisy = noisy_pair((40, 40, 1), 0.1)

    def energy(u: jax.Array) -> float:
        g = jnp.hypot(
            jnp.diff(u, axis=0, append=u[-1:, :]), jnp.diff(u, axis=1, append=u[:, -1:])
        )  # zero across the border
        return float(0.5 * jnp.sum((u - noisy) ** 2) + 0.1 * jnp.sum(g))

    steps = [energy(ops.tv_denoise(noisy, 0.1, iterations=n)) for n in (1, 10, 100, 400)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < energy(jnp.asarray(noisy))
    np.testing.assert_allclose(ops.tv_denoise(noisy, 0.1).mean(), noisy.mean(), atol=1e-5)


def test_gradients_of_the_denoisers_point_downhill():
    """The parameters can be learned: a step along the gradient lowers the error to the clean picture."""
    clean, noisy = noisy_pair((32, 32, 1), 0.1)
    for op, start in ((ops.tv_denoise, 0.02), (lambda x, h: ops.nl_means(x, h, search=7, patch=3), 0.03)):
        loss = jax.jit(lambda w, op=op: jnp.mean((op(noisy, w) - clean) ** 2))
        slope = jax.grad(loss)(start)
        assert np.isfinite(slope)
        assert loss(start - 1e-3 * float(jnp.sign(slope))) < loss(start)


def test_implicit_gradient_of_tv_denoise_is_that_of_its_limit():
    _, noisy = noisy_pair((9, 11, 1), 0.1)
    with jax.enable_x64(True):
        noisy, rng = jnp.asarray(noisy, "float64"), np.random.default_rng(1)
        to, step = (jnp.asarray(rng.standard_normal(noisy.shape)) for _ in range(2))
        run = jax.jit(lambda x, w: jnp.vdot(ops.tv_denoise(x, w, iterations=5000), to))
        slopes = jax.jit(jax.grad(run, argnums=(0, 1)))(noisy, 0.06)
        eps = 1e-5
        by_image = (run(noisy + eps * step, 0.06) - run(noisy - eps * step, 0.06)) / (2 * eps)
        by_weight = (run(noisy, 0.06 + eps) - run(noisy, 0.06 - eps)) / (2 * eps)
        np.testing.assert_allclose(jnp.vdot(slopes[0], step), by_image, rtol=2e-3)
        np.testing.assert_allclose(slopes[1], by_weight, rtol=2e-3)


def test_memory_of_the_implicit_gradient_does_not_grow_with_the_iterations():
    x = jnp.zeros((32, 40, 1))

    def memory(iterations: int, implicit: bool) -> int:
        loss = lambda x: jnp.sum(ops.tv_denoise(x, 0.1, iterations=iterations, implicit=implicit) ** 2)  # noqa: E731
        analysis = jax.jit(jax.grad(loss)).lower(x).compile().memory_analysis()
        return analysis.temp_size_in_bytes

    assert memory(400, True) == memory(10, True)
    assert memory(400, False) > 10 * memory(400, True)


def test_implicit_and_unrolled_tv_denoise_answer_the_same_and_are_finite_on_flat_pictures():
    _, noisy = noisy_pair((20, 24, 3), 0.1)
    both = [ops.tv_denoise(noisy, 0.1, iterations=30, implicit=implicit) for implicit in (True, False)]
    np.testing.assert_allclose(*both, atol=1e-5)
    for value in (0.0, 0.5):
        gradient = jax.grad(lambda x: jnp.sum(ops.tv_denoise(x, 0.1, iterations=30)))(jnp.full((20, 24, 3), value))
        assert np.isfinite(gradient).all()
