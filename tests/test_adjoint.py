"""Facts about derivatives written by hand: in both modes, of any order, for many pictures, whichever way they loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops
from jaximg.ops import bilateral
from jaximg.ops.adjoint import linear_pair

OPERATORS = {
    "bilateral": lambda x: ops.bilateral_filter(x, 3, 0.4, 1.5),
    "non-local means": lambda x: ops.nl_means(x, 0.4, patch=3, search=3),
    "diffusion": lambda x: ops.anisotropic_diffusion(x, 2, kappa=0.4),
}


def by_differences(function, x, step, eps=1e-6):
    return (function(x + eps * step) - function(x - eps * step)) / (2 * eps)


def test_a_linear_pair_is_its_twins_adjoint_and_differentiable_in_what_it_is_not_linear_in(rng):
    times = linear_pair("times", lambda x, by: x * by, lambda y, by: y * by)
    x, by = (jnp.asarray(rng.random((2, 3, 1)), jnp.float32) for _ in range(2))
    np.testing.assert_array_equal(jax.grad(lambda x: times(x, by).sum())(x), by)
    np.testing.assert_array_equal(jax.grad(lambda by: times(x, by).sum())(by), x)
    np.testing.assert_array_equal(jax.vmap(times)(x[None], by[None])[0], x * by)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "non-local means" else ()) for name in OPERATORS]
)
def test_second_derivatives_and_those_of_a_batch_are_right(name, rng):
    with jax.enable_x64(True):
        pictures, step = jnp.asarray(rng.random((2, 6, 5, 1))), jnp.asarray(rng.standard_normal((6, 5, 1)))
        slope = jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(OPERATORS[name](x)))))
        x = pictures[0]
        np.testing.assert_allclose(jax.jvp(slope, (x,), (step,))[1], by_differences(slope, x, step), atol=1e-6)
        each = jnp.stack([slope(x) for x in pictures])
        np.testing.assert_allclose(jax.vmap(slope)(pictures), each, rtol=1e-10)


@pytest.mark.parametrize("border", ["reflect", pytest.param("constant", marks=pytest.mark.slow)])
def test_a_joint_bilateral_filter_has_the_gradient_of_image_and_guide_also_in_a_loop(border, rng):
    with jax.enable_x64(True):
        pair = [jnp.asarray(rng.random((7, 8, channels))) for channels in (1, 3)]
        steps = [jnp.asarray(rng.standard_normal(v.shape)) for v in pair]
        weights = jnp.asarray(rng.standard_normal((7, 8, 1)))

        def loss(x, guide, diameter):
            return jnp.vdot(ops.joint_bilateral_filter(x, guide, diameter, 0.6, 2.0, border=border), weights)

        for diameter in (5, 2 * bilateral.UNROLLED_RADIUS + 3):
            value = jax.jit(lambda x, guide, d=diameter: loss(x, guide, d))
            for k, slope in enumerate(jax.jit(jax.grad(value, argnums=(0, 1)))(*pair)):
                moved = by_differences(
                    lambda v, k=k, f=value: f(*(v if i == k else pair[i] for i in (0, 1))), pair[k], steps[k]
                )
                np.testing.assert_allclose(jnp.vdot(slope, steps[k]), moved, rtol=1e-6)


def memory(function, x):
    return (
        jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(function(x)))))
        .lower(x)
        .compile()
        .memory_analysis()
        .temp_size_in_bytes
    )


@pytest.mark.slow
def test_memory_of_a_bilateral_filter_hardly_grows_with_its_disc():
    x = jnp.zeros((64, 128, 1))
    small, large = (memory(lambda x, d=d: ops.bilateral_filter(x, d, 0.2, 4.0), x) for d in (15, 27))
    assert large < 1.5 * small
    forward = jax.jit(lambda x: ops.bilateral_filter(x, 27, 0.2, 4.0)).lower(x).compile().memory_analysis()
    assert forward.temp_size_in_bytes < 8 * x.nbytes


def test_memory_of_a_fills_gradient_does_not_grow_with_the_iterations():
    x, mask = jnp.zeros((32, 40, 1)), jnp.ones((32, 40, 1)).at[8:20, 9:30].set(0)
    few, many = (memory(lambda x, n=n: ops.inpaint_biharmonic(x, mask, iterations=n), x) for n in (5, 500))
    assert few == many


def test_diffusion_keeps_a_picture_a_step():
    x = jnp.zeros((64, 128, 1))
    few, many = (memory(lambda x, n=n: ops.anisotropic_diffusion(x, n), x) for n in (10, 30))
    assert many - few < 1.1 * 20 * x.nbytes
