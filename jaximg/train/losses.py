"""Losses of classifiers, restorers and adversarial pairs: pure functions that give one number an example.

Take means where it matters (a step does). Scores of a discriminator are `(B,)`: `real` for data, `fake` for samples,
high where it believes. Penalties are functions of the gradients that `input_gradients` returns.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaximg.typing import Key

Scores = Callable[[jax.Array], jax.Array]
GanLoss = Literal["nonsaturating", "hinge", "least_squares", "wasserstein", "relativistic"]


def cross_entropy(logits: jax.Array, labels: jax.Array, *, smoothing: float = 0.0) -> jax.Array:
    """Cross-entropy of integer labels, in nats.

        -sum_c q_c log softmax(logits)_c,    q = (1 - smoothing) onehot(label) + smoothing / classes

    Args:
      logits: `(B, classes)`.
      labels: `(B,)` integers.
      smoothing: what part of the target is spread over all classes, 0 to 1.

    Returns:
      `(B,)`.

    Example:
      >>> bool(jnp.allclose(cross_entropy(jnp.zeros((1, 4)), jnp.array([2])), jnp.log(4.0)))
      True

    References:
      Szegedy et al., Rethinking the Inception architecture, CVPR 2016, section 7 (smoothing).
    """
    hard = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return (1.0 - smoothing) * hard - smoothing * jnp.mean(jax.nn.log_softmax(logits), -1)


def charbonnier(image: jax.Array, target: jax.Array, *, epsilon: float = 1e-3) -> jax.Array:
    """A smooth absolute difference, averaged over each picture.

        mean sqrt((image - target)^2 + epsilon^2)

    Args:
      image: `(B, H, W, C)`.
      target: the same shape.
      epsilon: where the square becomes the absolute value.

    Returns:
      `(B,)`.

    Example:
      >>> charbonnier(jnp.ones((1, 2, 2, 1)), jnp.zeros((1, 2, 2, 1))).round(4).tolist()
      [1.0]

    References:
      Charbonnier et al., Two deterministic half-quadratic regularization algorithms, ICIP 1994; Lai et al., LapSRN,
      CVPR 2017, equation 3.
    """
    return jnp.mean(jnp.sqrt(jnp.square(image - target) + epsilon**2), (-3, -2, -1))


def absolute(image: jax.Array, target: jax.Array) -> jax.Array:
    """Mean absolute difference of each picture, `(B,)`."""
    return jnp.mean(jnp.abs(image - target), (-3, -2, -1))


def squared(image: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared difference of each picture, `(B,)`."""
    return jnp.mean(jnp.square(image - target), (-3, -2, -1))


def logistic(odds: jax.Array, target: jax.Array) -> jax.Array:
    """Mean cross-entropy of a map of 0 to 1, in nats, `(B,)`; `odds` are the logarithms of what it gives the ones.

    Example:
      >>> bool(jnp.allclose(logistic(jnp.zeros((1, 2, 2, 1)), jnp.ones((1, 2, 2, 1))), jnp.log(2.0)))
      True
    """
    return jnp.mean(optax.sigmoid_binary_cross_entropy(odds, target), (-3, -2, -1))


def relative(loss: jax.Array, begun: jax.Array, *, epsilon: float = 1e-5) -> jax.Array:
    """How much of a loss is left of what it was, so that faint damage counts as much as strong.

        2 log(1 + loss / (2 (begun + epsilon)))

    About the share that is left where that is small; what got worse counts less than in proportion.

    Args:
      loss: of each example, `(B,)`, not negative.
      begun: what it is before anything is done, `(B,)`.
      epsilon: what counts as nothing, in the loss's unit.

    Returns:
      `(B,)`.

    Example:
      >>> half = relative(jnp.array([0.1, 0.001]), jnp.array([0.2, 0.002]), epsilon=0.0)
      >>> [f"{x:.3f}" for x in half]
      ['0.446', '0.446']

    References:
      Chen et al., Simple baselines for image restoration (NAFNet), ECCV 2022: PSNR as a loss, the logarithm of the
      error alone.
    """
    return 2 * jnp.log1p(loss / (2 * (begun + epsilon)))


class Adversarial(NamedTuple):
    """The two sides of an adversarial loss, each from `(B,)` scores to `(B,)` losses, paired by position.

    Attributes:
      discriminator: `(real, fake) -> loss` that the discriminator lowers.
      generator: `(real, fake) -> loss` that the generator lowers; most ignore `real`.
    """

    discriminator: Callable[[jax.Array, jax.Array], jax.Array]
    generator: Callable[[jax.Array, jax.Array], jax.Array]


def nonsaturating_d(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-log sigmoid(real) - log(1 - sigmoid(fake)): Goodfellow et al., NeurIPS 2014, equation 1."""
    return jax.nn.softplus(-real) + jax.nn.softplus(fake)


def nonsaturating_g(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-log sigmoid(fake): Goodfellow et al., NeurIPS 2014, section 3."""
    del real
    return jax.nn.softplus(-fake)


def hinge_d(real: jax.Array, fake: jax.Array) -> jax.Array:
    """max(0, 1 - real) + max(0, 1 + fake): Lim & Ye, Geometric GAN, 2017; Miyato et al., ICLR 2018, equation 16."""
    return jax.nn.relu(1.0 - real) + jax.nn.relu(1.0 + fake)


def hinge_g(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-fake: Miyato et al., Spectral normalization, ICLR 2018, equation 17."""
    del real
    return -fake


def least_squares_d(real: jax.Array, fake: jax.Array) -> jax.Array:
    """((real - 1)^2 + fake^2) / 2: Mao et al., LSGAN, ICCV 2017, equation 9."""
    return 0.5 * (jnp.square(real - 1.0) + jnp.square(fake))


def least_squares_g(real: jax.Array, fake: jax.Array) -> jax.Array:
    """(fake - 1)^2 / 2: Mao et al., LSGAN, ICCV 2017, equation 9."""
    del real
    return 0.5 * jnp.square(fake - 1.0)


def wasserstein_d(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Fake - real: Arjovsky et al., Wasserstein GAN, ICML 2017, equation 2; add `gradient_penalty`."""
    return fake - real


def wasserstein_g(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-fake: Arjovsky et al., Wasserstein GAN, ICML 2017."""
    del real
    return -fake


def relativistic_d(real: jax.Array, fake: jax.Array) -> jax.Array:
    """softplus(-(real - fake)): Huang et al., R3GAN, NeurIPS 2024, equation 2; Jolicoeur-Martineau, ICLR 2019."""
    return jax.nn.softplus(fake - real)


def relativistic_g(real: jax.Array, fake: jax.Array) -> jax.Array:
    """softplus(-(fake - real)): Huang et al., R3GAN, NeurIPS 2024, equation 2."""
    return jax.nn.softplus(real - fake)


GAN_LOSSES: dict[str, Adversarial] = {
    "nonsaturating": Adversarial(nonsaturating_d, nonsaturating_g),
    "hinge": Adversarial(hinge_d, hinge_g),
    "least_squares": Adversarial(least_squares_d, least_squares_g),
    "wasserstein": Adversarial(wasserstein_d, wasserstein_g),
    "relativistic": Adversarial(relativistic_d, relativistic_g),
}


def input_gradients(scores: Scores, image: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores of pictures, and each score's gradient with respect to its own picture, by one vjp.

    Right as long as nothing in `scores` couples the batch (no batch statistics).

    Args:
      scores: from `(B, H, W, C)` to `(B,)`.
      image: `(B, H, W, C)`.

    Returns:
      `(B,)` and `(B, H, W, C)`.

    Example:
      >>> s, g = input_gradients(lambda x: jnp.sum(x**2, (1, 2, 3)), jnp.full((1, 1, 1, 1), 3.0))
      >>> s.tolist(), g.ravel().tolist()
      ([9.0], [6.0])
    """
    out, pull = jax.vjp(scores, image)
    return out, pull(jnp.ones_like(out))[0]


def zero_centred(gradient: jax.Array) -> jax.Array:
    """|g|^2 / 2 of each picture: R1 on reals, R2 on fakes; multiply by gamma.

    Args:
      gradient: `(B, H, W, C)`, from `input_gradients`.

    Returns:
      `(B,)`.

    Example:
      >>> zero_centred(jnp.ones((1, 2, 2, 1))).tolist()
      [2.0]

    References:
      Mescheder et al., Which training methods for GANs do actually converge?, ICML 2018, equation 9 (R1) and 10 (R2).
    """
    return 0.5 * jnp.sum(jnp.square(gradient), (-3, -2, -1))


def one_centred(gradient: jax.Array) -> jax.Array:
    """(|g| - 1)^2 of each picture: the penalty of WGAN-GP on mixtures of real and fake; multiply by lambda.

    Args:
      gradient: `(B, H, W, C)`, from `input_gradients`.

    Returns:
      `(B,)`; its own gradient is zero, not NaN, where g is.

    Example:
      >>> one_centred(jnp.ones((1, 2, 2, 1))).tolist()
      [1.0]

    References:
      Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017, equation 3.
    """
    square = jnp.sum(jnp.square(gradient), (-3, -2, -1))
    norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
    return jnp.square(norm - 1.0)


def r1(scores: Scores, real: jax.Array) -> jax.Array:
    """|grad_x D(x)|^2 / 2 on data, `(B,)`: Mescheder et al., ICML 2018, equation 9."""
    return zero_centred(input_gradients(scores, real)[1])


def r2(scores: Scores, fake: jax.Array) -> jax.Array:
    """|grad_x D(x)|^2 / 2 on samples, `(B,)`: Mescheder et al., ICML 2018, equation 10."""
    return zero_centred(input_gradients(scores, fake)[1])


def gradient_penalty(scores: Scores, real: jax.Array, fake: jax.Array, mix: jax.Array) -> jax.Array:
    """(|grad D(x)| - 1)^2 at x = mix real + (1 - mix) fake, `(B,)`: Gulrajani et al., NeurIPS 2017, equation 3.

    Args:
      scores: the discriminator, from `(B, H, W, C)` to `(B,)`.
      real: data, `(B, H, W, C)`.
      fake: samples, the same shape.
      mix: `(B,)`, uniform in [0, 1) (`uniform_mix`).

    Returns:
      `(B,)`.
    """
    between = mixture(real, fake, mix)
    return one_centred(input_gradients(scores, between)[1])


def mixture(real: jax.Array, fake: jax.Array, mix: jax.Array) -> jax.Array:
    """`mix real + (1 - mix) fake`, a number for each picture."""
    mix = mix[:, None, None, None]
    return mix * real + (1.0 - mix) * fake


def uniform_mix(keys: Key) -> jax.Array:
    """One uniform number for each key, `(B,)`."""
    return jax.vmap(jax.random.uniform)(keys)
