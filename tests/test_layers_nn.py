"""The layers are Flax's in value and gradient, to any order that training takes, and lower for every platform."""

from functools import partial

import flax.linen as nn
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.models import layers

ATOL = 1e-5
"""Of values and gradients whose largest entry is 1."""

CONVOLUTIONS = {
    "dense 3x3": dict(kernel_size=(3, 3)),
    "valid 3x2, one picture": dict(kernel_size=(3, 2), padding="VALID"),
    "one pixel": dict(kernel_size=(1, 1), use_bias=False),
    "4x4 stride 2": dict(kernel_size=(4, 4), strides=(2, 2)),
    "3x3 stride 2": dict(kernel_size=(3, 3), strides=2),
    "2x2 stride 2, padded by hand": dict(kernel_size=(2, 2), strides=(2, 2), padding=((2, 1), (0, 3))),
    "pixels dropped": dict(kernel_size=(1, 1), strides=(2, 3)),
    "depthwise": dict(kernel_size=(3, 3), feature_group_count=6, features=6),
    "depthwise stride 2": dict(kernel_size=(3, 3), strides=2, feature_group_count=6, features=6),
    "grouped": dict(kernel_size=(3, 3), feature_group_count=2),
    "dilated": dict(kernel_size=(3, 3), kernel_dilation=2),
}
TRANSPOSED = {
    "4x4 stride 2": dict(kernel_size=(4, 4), strides=(2, 2)),
    "2x2 stride 2": dict(kernel_size=(2, 2), strides=(2, 2), use_bias=False),
    "3x3 stride 2": dict(kernel_size=(3, 3), strides=(2, 2)),
    "3x3 stride 1": dict(kernel_size=(3, 3)),
    "5x2 stride 2x3, valid": dict(kernel_size=(5, 2), strides=(2, 3), padding="VALID"),
    "3x3 stride 2, padded by hand": dict(kernel_size=(3, 3), strides=(2, 2), padding=((1, 2), (0, 1))),
}


def close(got, want):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=ATOL * max(1.0, float(np.max(np.abs(b)))))


def both(layer, stock, x, second):
    """Value, gradients in parameters and picture, if `second` the gradient of the picture's gradient's square too."""
    variables = stock.init(jax.random.key(0), x)
    assert jax.tree.map(jnp.shape, layer.init(jax.random.key(0), x)) == jax.tree.map(jnp.shape, variables)
    weight = jax.random.normal(jax.random.key(1), jax.eval_shape(stock.apply, variables, x).shape)

    def run(module):
        def loss(variables, x):
            return jnp.mean(weight * jnp.square(module.apply(variables, x)))

        def penalty(variables):
            return jnp.mean(jnp.square(jax.grad(loss, 1)(variables, x)))

        def everything(v, x):
            return module.apply(v, x), jax.grad(loss, (0, 1))(v, x), jax.grad(penalty)(v) if second else ()

        return everything

    return jax.jit(lambda v, x: (run(layer)(v, x), run(stock)(v, x)))(variables, x)


RARE = ("2x2 stride 2, padded by hand", "pixels dropped", "depthwise stride 2", "grouped", "dilated", "3x3 stride 1")
"""Formulations that others cover in part: not for every run."""
SECOND = ("dense 3x3", "4x4 stride 2", "depthwise")
"""Whose gradient penalty is compared too: one for each formulation."""


def often(names):
    return [pytest.param(name, marks=pytest.mark.slow if name in RARE else ()) for name in names]


@pytest.mark.parametrize("name", often(CONVOLUTIONS))
def test_convolution_equals_flax_in_value_gradient_and_gradient_penalty(name):
    options = {"features": 4} | CONVOLUTIONS[name]
    x = jax.random.normal(jax.random.key(2), (3, 9, 8, 6))
    close(*both(layers.Conv(**options), nn.Conv(**options), x, name in SECOND))


@pytest.mark.parametrize("name", often(TRANSPOSED))
def test_transposed_convolution_equals_flax_in_value_gradient_and_gradient_penalty(name):
    ours, stock = layers.ConvTranspose(4, **TRANSPOSED[name]), nn.ConvTranspose(4, **TRANSPOSED[name])
    close(*both(ours, stock, jax.random.normal(jax.random.key(2), (3, 6, 5, 3)), name in SECOND))


@pytest.mark.parametrize("window", [(2, 2), (3, 2)])
def test_max_pool_equals_flax_and_gives_ties_to_the_first(window):
    x = jnp.round(jax.random.normal(jax.random.key(0), (2, 7, 6, 3)))  # many ties, a row left over

    def run(pool):
        y, pull = jax.vjp(lambda x: pool(x, window, window), x)
        return y, pull(1.0 + jnp.arange(y.size, dtype=y.dtype).reshape(y.shape))[0]

    for got, want in zip(run(layers.max_pool), run(nn.max_pool), strict=True):
        np.testing.assert_array_equal(got, want)


def test_max_pool_loses_no_gradient_where_the_compiler_computes_the_picture_twice():
    x = jax.random.normal(jax.random.key(0), (8, 12, 12, 1))
    nets = [
        nn.Sequential(
            [
                layers.Conv(16, (3, 3), padding="VALID", use_bias=False),
                nn.BatchNorm(use_running_average=False),
                nn.relu,
                partial(pool, window_shape=(2, 2), strides=(2, 2)),
            ]
        )
        for pool in (layers.max_pool, nn.max_pool)
    ]
    variables = nets[0].init(jax.random.key(0), x)
    weight = jax.random.normal(jax.random.key(1), (8, 5, 5, 16))

    def gradient(net, params):
        return jax.grad(
            lambda p: jnp.vdot(weight, net.apply(variables | {"params": p}, x, mutable=["batch_stats"])[0])
        )(params)

    close(*(jax.jit(partial(gradient, net))(variables["params"]) for net in nets))


def test_max_pool_that_overlaps_is_flax_s():
    x = jax.random.normal(jax.random.key(0), (2, 7, 6, 3))
    np.testing.assert_array_equal(layers.max_pool(x, (3, 3), (2, 2), "SAME"), nn.max_pool(x, (3, 3), (2, 2), "SAME"))
    np.testing.assert_array_equal(layers.max_pool(x, (2, 2)), nn.max_pool(x, (2, 2)))


def test_layers_lower_for_every_platform_and_only_the_cpu_gets_its_own():
    layer = nn.Sequential(
        [layers.Conv(4, (4, 4), strides=2), partial(layers.max_pool, window_shape=(2, 2), strides=(2, 2))]
    )
    x = jnp.ones((2, 8, 8, 3))
    variables = layer.init(jax.random.key(0), x)
    program = jax.jit(jax.grad(lambda v: jnp.sum(layer.apply(v, x))))
    texts = {p: str(jax.export.export(program, platforms=[p])(variables).mlir_module()) for p in ("cpu", "cuda", "tpu")}
    assert {p: "select_and_scatter" in text for p, text in texts.items()} == {"cpu": False, "cuda": True, "tpu": True}
    assert jax.export.export(program, platforms=["cpu", "tpu"])(variables).platforms == ("cpu", "tpu")


def test_layers_keep_bfloat16_and_map_over_a_further_axis():
    layer = layers.Conv(4, (3, 3), dtype=jnp.bfloat16)
    x = jax.random.normal(jax.random.key(0), (2, 3, 6, 6, 3))
    variables = layer.init(jax.random.key(0), x[0])
    mapped = jax.vmap(partial(layer.apply, variables))(x)
    assert mapped.dtype == jnp.bfloat16
    np.testing.assert_allclose(mapped[1].astype(np.float32), layer.apply(variables, x[1]).astype(np.float32), atol=0.03)


def test_dropout_keeps_the_mean_and_nothing_when_not_training():
    layer, x = layers.Dropout(0.25), jnp.ones((64, 500))
    out = layer.apply({}, x, None, train=True, rngs={"dropout": jax.random.key(0)})
    assert abs(float(out.mean()) - 1.0) < 0.02
    assert len(np.unique(out, axis=0)) == 64
    np.testing.assert_array_equal(layer.apply({}, x, None, train=False), x)
