"""Losses against their formulas in float64, and their gradients where a careless one is NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.train import losses


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FORMULAS = {
    "nonsaturating": (
        lambda r, f: -np.log(sigmoid(r)) - np.log(1 - sigmoid(f)),
        lambda r, f: -np.log(sigmoid(f)),
    ),
    "hinge": (lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda r, f: -f),
    "least_squares": (lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda r, f: (f - 1) ** 2 / 2),
    "wasserstein": (lambda r, f: f - r, lambda r, f: -f),
    "relativistic": (lambda r, f: -np.log(sigmoid(r - f)), lambda r, f: -np.log(sigmoid(f - r))),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_adversarial_losses_are_their_formulas_and_pull_the_right_way(name, rng):
    assert FORMULAS.keys() == losses.GAN_LOSSES.keys()
    real, fake = rng.uniform(-0.9, 0.9, (2, 16))
    arrays = jnp.asarray(real, jnp.float32), jnp.asarray(fake, jnp.float32)
    for side, formula in zip(losses.GAN_LOSSES[name], FORMULAS[name], strict=True):
        np.testing.assert_allclose(side(*arrays), formula(real, fake), atol=1e-6)
    up_real, up_fake = jax.grad(lambda r, f: losses.GAN_LOSSES[name].discriminator(r, f).sum(), (0, 1))(*arrays)
    assert np.all(up_real < 0) and (np.all(up_fake > 0) or name == "least_squares")
    assert np.all(jax.grad(lambda f: losses.GAN_LOSSES[name].generator(arrays[0], f).sum())(arrays[1]) < 0)


def test_losses_of_confident_scores_stay_finite():
    far = jnp.array([-200.0, 200.0])
    for pair in losses.GAN_LOSSES.values():
        for side in pair:
            value, gradient = jax.value_and_grad(lambda f, side=side: side(far, f).sum())(far[::-1])
            assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_penalties_of_a_quadratic_are_known_in_closed_form(rng):
    a = jnp.asarray(rng.standard_normal((1, 4, 5, 2)), jnp.float32)
    real, fake = (jnp.asarray(rng.standard_normal((3, 4, 5, 2)), jnp.float32) for _ in range(2))

    def scores(x):
        return 0.5 * jnp.sum(a * jnp.square(x), (1, 2, 3))  # gradient a x

    want = 0.5 * np.sum(np.square(np.float64(a) * np.float64(real)), (1, 2, 3))
    np.testing.assert_allclose(losses.r1(scores, real), want, rtol=1e-5)
    np.testing.assert_allclose(losses.r2(scores, fake), losses.r1(scores, fake))
    mix = jnp.array([0.0, 0.25, 1.0])
    between = np.float64(mix)[:, None, None, None] * real + (1 - np.float64(mix))[:, None, None, None] * fake
    want = (np.sqrt(np.sum(np.square(np.float64(a) * between), (1, 2, 3))) - 1) ** 2
    np.testing.assert_allclose(losses.gradient_penalty(scores, real, fake, mix), want, rtol=1e-4)


def test_gradient_penalty_of_a_flat_discriminator_has_a_finite_gradient():
    x = jnp.ones((2, 3, 3, 1))

    def penalty(w):
        return losses.one_centred(losses.input_gradients(lambda x: w * jnp.sum(x, (1, 2, 3)), x)[1]).sum()

    value, gradient = jax.value_and_grad(penalty)(0.0)
    assert value == 2.0 and np.isfinite(gradient)


def test_cross_entropy_and_its_smoothing_are_their_formulas(rng):
    logits, labels = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    log = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for smoothing in (0.0, 0.1):
        target = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
        got = losses.cross_entropy(jnp.asarray(logits, jnp.float32), jnp.asarray(labels), smoothing=smoothing)
        np.testing.assert_allclose(got, -(target * log).sum(-1), atol=1e-6)


def test_the_logistic_loss_is_that_of_the_probabilities_and_bears_any_odds(rng):
    odds, target = rng.normal(0, 3, (3, 4, 5, 1)), rng.integers(0, 2, (3, 4, 5, 1)).astype(float)
    right = np.where(target == 1, odds, -odds)
    got = losses.logistic(jnp.asarray(odds, jnp.float32), jnp.asarray(target, jnp.float32))
    np.testing.assert_allclose(got, -np.log(1 / (1 + np.exp(-right))).mean((1, 2, 3)), rtol=1e-5)
    assert losses.logistic(jnp.full((1, 1, 1, 1), -1e4), jnp.ones((1, 1, 1, 1))) == 1e4


def test_the_relative_loss_is_the_share_that_is_left_and_bounds_what_got_worse():
    shares = jnp.array([1e-4, 0.01, 100.0])
    got = losses.relative(0.3 * shares, jnp.full(3, 0.3), epsilon=0.0)
    np.testing.assert_allclose(got[:2], shares[:2], rtol=5e-3)
    assert got[2] < 10
    assert np.isfinite(jax.grad(lambda x: losses.relative(x, 0.0))(0.0))  # nothing was wrong


def test_errors_of_pictures_are_what_their_formulas_say(rng):
    x, y = (jnp.asarray(rng.random((3, 4, 5, 2)), jnp.float32) for _ in range(2))
    gap = np.asarray(x, np.float64) - np.asarray(y)
    np.testing.assert_allclose(losses.absolute(x, y), np.mean(np.abs(gap), (1, 2, 3)), rtol=1e-5)
    smooth = np.mean(np.sqrt(np.square(gap) + 0.1**2), (1, 2, 3))
    np.testing.assert_allclose(losses.charbonnier(x, y, epsilon=0.1), smooth, rtol=1e-5)
    np.testing.assert_allclose(losses.squared(x, y), np.mean(np.square(x - y), (1, 2, 3)), rtol=1e-5)
    assert np.all(np.isfinite(jax.grad(lambda x: losses.charbonnier(x, x).sum())(x)))
