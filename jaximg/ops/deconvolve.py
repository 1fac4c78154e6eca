"""A known blur undone: Wiener's filter and Richardson and Lucy's iteration."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaximg.ops import windows
from jaximg.typing import Border, Image, Scalar, check_image


def wiener(image: Image, psf: Image, balance: Scalar) -> jax.Array:
    """Wiener-Hunt deconvolution of a known blur, with a Laplacian prior; the picture counts as periodic.

        X = conj(H) Y / (|H|^2 + balance |L|^2),  L the transform of the Laplacian [0 -1 0; -1 4 -1; 0 -1 0]

    Args:
      image: `(..., H, W, C)` floating point, the blurred picture; each channel by itself.
      psf: `(kh, kw)` the blur's kernel (point spread function), centred at `(kh // 2, kw // 2)`. Traced or concrete.
      balance: noise against sharpness, > 0: larger is smoother. Traced or concrete.

    Returns:
      `(..., H, W, C)`, the image's dtype, computed in float32 at least.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a psf that is not two-dimensional or larger than the image.

    Example:
      >>> x = jnp.zeros((8, 8, 1)).at[4, 4].set(1.0)
      >>> bool(jnp.allclose(wiener(x, jnp.ones((1, 1)), 1e-6), x, atol=1e-3))
      True

    References:
      B. R. Hunt, The application of constrained least squares estimation to image restoration, 1973.
      scikit-image, `skimage.restoration.wiener`.
    """
    image = check_image(image)
    psf = _check_psf(psf, image)
    return _wiener(image, psf, jnp.asarray(balance, windows.wide(image.dtype)))


def richardson_lucy(image: Image, psf: Image, iterations: int, *, border: Border = "constant") -> jax.Array:
    """Richardson-Lucy deconvolution of a known blur: the likeliest picture under Poisson noise, never negative.

        x <- x * flip(psf) conv (image / (psf conv x)),  starting from x = 1/2

    Args:
      image: `(..., H, W, C)` floating point in [0, 1], not negative; each channel by itself.
      psf: `(kh, kw)` the blur's kernel (point spread function), not negative, summing to 1. Traced or concrete.
      iterations: static; more are sharper and noisier. 10 to 50.
      border: "constant" (zero, as scikit-image), "reflect" (fewer artefacts at the edge), "symmetric", "edge", "wrap".

    Returns:
      `(..., H, W, C)`, the image's dtype. A gradient keeps one picture for each iteration.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, a psf that is not two-dimensional or larger than the image, or negative iterations.

    Example:
      >>> x = jnp.full((8, 8, 1), 0.25)
      >>> bool(jnp.allclose(richardson_lucy(x, jnp.ones((1, 1)), 1), x))
      True

    References:
      W. H. Richardson, 1972; L. B. Lucy, 1974. scikit-image, `skimage.restoration.richardson_lucy`.
    """
    image = check_image(image)
    if iterations < 0:
        raise ValueError(f"iterations={iterations}; it must not be negative")
    return _richardson_lucy(image, _check_psf(psf, image), iterations, border)


def _check_psf(psf: Image, image: jax.Array) -> jax.Array:
    psf = jnp.asarray(psf).astype(windows.wide(image.dtype))
    if psf.ndim != 2 or psf.shape[0] > image.shape[-3] or psf.shape[1] > image.shape[-2]:
        raise ValueError(f"psf has shape {psf.shape}; pass (kh, kw), no larger than the image's {image.shape[-3:-1]}")
    return psf


@jax.jit
def _wiener(image: jax.Array, psf: jax.Array, balance: jax.Array) -> jax.Array:
    size = (image.shape[-3], image.shape[-2])
    laplacian = jnp.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], balance.dtype)
    blur, prior = _transfer(psf, size), _transfer(laplacian, size)
    power = _square(blur) + balance * _square(prior)
    spectrum = jnp.fft.rfft2(image.astype(balance.dtype), axes=(-3, -2))
    gain = lax.complex(blur.real / power, -blur.imag / power)[..., None]
    gain = gain.reshape((1,) * (image.ndim - 3) + gain.shape)
    return jnp.fft.irfft2(gain * spectrum, s=size, axes=(-3, -2)).astype(image.dtype)


def _transfer(kernel: jax.Array, size: tuple[int, int]) -> jax.Array:
    """The kernel's transform on a picture of `size`, its centre moved to the origin; what exceeds the picture wraps."""
    kh, kw = kernel.shape
    rows, columns = (jnp.arange(kh) - kh // 2) % size[0], (jnp.arange(kw) - kw // 2) % size[1]
    placed = jnp.zeros(size, kernel.dtype).at[rows[:, None], columns[None, :]].add(kernel)
    return jnp.fft.rfft2(placed)


def _square(z: jax.Array) -> jax.Array:
    return jnp.square(z.real) + jnp.square(z.imag)


@partial(jax.jit, static_argnums=(2, 3))
def _richardson_lucy(image: jax.Array, psf: jax.Array, iterations: int, border: Border) -> jax.Array:
    observed = image.astype(psf.dtype)
    flipped = jnp.flip(psf)

    @jax.checkpoint
    def once(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        expected = windows.correlate(x, flipped, border) + 1e-12  # convolution: the correlation with the kernel turned
        return x * windows.correlate(observed / expected, psf, border), None

    start = jnp.full_like(observed, 0.5)
    return lax.scan(once, start, length=iterations)[0].astype(image.dtype)
