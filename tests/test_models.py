"""Every row of model_cases: shapes, parameters counted by hand, and what a network in use promises."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.models import CNN, MODELS, DCGenerator
from tests.model_cases import CASES

each = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@each
def test_shapes_and_parameters_are_as_counted_by_hand(case):
    inputs = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in case.inputs]
    out, variables = jax.eval_shape(lambda *x: case.model.init_with_output(jax.random.key(0), *x), *inputs)
    assert out.shape == case.output
    counted = {name: sum(x.size for x in jax.tree.leaves(tree)) for name, tree in variables["params"].items()}
    assert counted == case.count
    total = sum(case.count.values())
    assert f"{total:,} parameters" in inspect.getdoc(type(case.model))


@each
def test_a_network_in_use_depends_on_nothing_but_its_input(case):
    inputs = [jax.random.uniform(jax.random.key(1), shape) for shape in case.inputs]
    variables = jax.jit(case.small.init)(jax.random.key(0), *inputs)
    use = jax.jit(case.small.apply)
    both, one = use(variables, *inputs), use(variables, *(x[:1] for x in inputs))
    np.testing.assert_allclose(both[:1], one, atol=1e-5)
    assert both.dtype == jnp.float32 and bool(jnp.all(jnp.isfinite(both)))


def test_every_model_has_a_row():
    assert {c.name for c in CASES} >= set(MODELS) - {"restorer"}
    assert all(isinstance(c.model, MODELS[c.name]) for c in CASES)


def test_hidden_units_are_what_the_last_layer_sees():
    net, x = CNN((4,), (8,)), jnp.ones((2, 8, 8, 1))
    variables = net.init(jax.random.key(0), x)
    units = net.apply(variables, x, hidden=True)
    last = variables["params"]["logits"]
    np.testing.assert_allclose(units @ last["kernel"] + last["bias"][None], net.apply(variables, x), atol=1e-5)


def test_a_side_that_cannot_be_reached_by_doubling_is_refused():
    with pytest.raises(ValueError, match="divide by 4"):
        DCGenerator(shape=(30, 28, 1)).init(jax.random.key(0), jnp.ones((1, 4)))
