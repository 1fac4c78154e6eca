"""The 8 x 8 cosine transform of JPEG, and its standard quantisation tables."""

import jax
import jax.numpy as jnp
import numpy as np

from jaximg.ops import windows
from jaximg.typing import Image, check_image

BLOCK = 8

LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.int32,
)
"""Quantisation steps of luma at quality 50, vertical frequency first, on the 8-bit scale."""

CHROMA = np.full((8, 8), 99, np.int32)
"""Quantisation steps of chroma at quality 50."""
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def jpeg_tables(quality: int) -> tuple[np.ndarray, np.ndarray]:
    """The quantisation tables that libjpeg writes at `quality`.

        table = clip(floor((base * s + 50) / 100), 1, 255),  s = 5000 // q below 50, 200 - 2 q from there

    Args:
      quality: 1 to 100, a Python integer.

    Returns:
      `(luma, chroma)`, `(8, 8)` int32 each, vertical frequency first, on the 8-bit scale.

    Raises:
      ValueError: quality outside 1..100.

    Example:
      >>> jpeg_tables(50)[0][0, :3].tolist(), jpeg_tables(90)[0][0, :3].tolist()
      ([16, 11, 10], [3, 2, 2])

    References:
      ITU-T T.81, Annex K.1; libjpeg, `jpeg_quality_scaling`.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality={quality}; JPEG's runs from 1 to 100")
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (np.clip((base * scale + 50) // 100, 1, 255).astype(np.int32) for base in (LUMA, CHROMA))
    return luma, chroma


def quality_tables(quality: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`jpeg_tables` for a traced quality.

    Args:
      quality: 1 to 100, rounded and clipped to these; floating point, of any kind.

    Returns:
      `(luma, chroma)`, `(8, 8)` each in the quality's dtype.

    Example:
      >>> quality_tables(jnp.float32(50))[0][0, :3].tolist()
      [16.0, 11.0, 10.0]
    """
    quality = jnp.clip(jnp.round(quality), 1, 100)
    scale = jnp.where(quality < 50, jnp.floor(5000 / quality + 1e-3), 200 - 2 * quality)
    bases = (jnp.asarray(base, quality.dtype) for base in (LUMA, CHROMA))
    luma, chroma = (jnp.clip(jnp.floor((base * scale + 50) / 100 + 1e-4), 1, 255) for base in bases)
    return luma, chroma


def dct_matrix(n: int) -> np.ndarray:
    """The orthonormal DCT-II of length n as an `(n, n)` float64 matrix, one frequency a row.

    Example:
      >>> d = dct_matrix(4)
      >>> bool(np.allclose(d @ d.T, np.eye(4)))
      True
    """
    k = np.arange(n)
    matrix = np.sqrt(2 / n) * np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / (2 * n))
    matrix[0] /= np.sqrt(2)
    return matrix


def block_basis(n: int) -> np.ndarray:
    """The orthonormal 2-D DCT of `(n, n)` blocks as an `(n * n, n * n)` float64 matrix, one coefficient a row.

    Example:
      >>> block = np.arange(9.0)
      >>> bool(np.allclose(block_basis(3) @ block, (dct_matrix(3) @ block.reshape(3, 3) @ dct_matrix(3).T).ravel()))
      True
    """
    return np.kron(dct_matrix(n), dct_matrix(n))


def block_dct(image: Image) -> jax.Array:
    """Cosine transform of every 8 x 8 block, in place: JPEG's, orthonormal.

        X[u, v] = sum_yx D[u, y] D[v, x] x[y, x],  D[k, n] = sqrt(2 / 8) cos(pi (2 n + 1) k / 16), D[0] / sqrt(2)

    Args:
      image: `(..., H, W, C)` floating point, any range; H and W multiples of 8.

    Returns:
      `(..., H, W, C)`: the coefficient of frequency (u, v) of a block stands where its pixel (u, v) stood.

    Raises:
      TypeError: an image that is not floating point.
      ValueError: no channel axis, or a side that is no multiple of 8.

    Example:
      >>> block_dct(jnp.ones((8, 8, 1)))[0, 0, 0].round(4).item()
      8.0

    References:
      ITU-T T.81, A.3.3. `scipy.fft.dctn(..., norm="ortho")` of each block.
    """
    return _transform(image, dct_matrix(BLOCK))


def block_idct(image: Image) -> jax.Array:
    """The pixels from the cosine transform of every 8 x 8 block: the inverse, and the adjoint, of `block_dct`.

        x[y, x] = sum_uv D[u, y] D[v, x] X[u, v]

    Args:
      image: the coefficients, `(..., H, W, C)` as `block_dct` gives them; H and W multiples of 8.

    Returns:
      `(..., H, W, C)` in the coefficients' dtype.

    Raises:
      TypeError: coefficients that are not floating point.
      ValueError: no channel axis, or a side that is no multiple of 8.

    Example:
      >>> block_idct(jnp.zeros((8, 8, 1)).at[0, 0, 0].set(8.0))[3, 4, 0].round(4).item()
      1.0

    References:
      ITU-T T.81, A.3.3. `scipy.fft.idctn(..., norm="ortho")` of each block.
    """
    return _transform(image, dct_matrix(BLOCK).T)


def _transform(image: Image, basis: np.ndarray) -> jax.Array:
    image = check_image(image)
    if image.shape[-3] % BLOCK or image.shape[-2] % BLOCK:
        raise ValueError(
            f"image has shape {image.shape}; height and width must be multiples of {BLOCK}: jnp.pad it, mode='edge'"
        )
    return _jitted_transform(image, jnp.asarray(basis, windows.wide(image.dtype)))


@jax.jit
def _jitted_transform(image: jax.Array, basis: jax.Array) -> jax.Array:
    height, width, channels = image.shape[-3:]
    blocks = image.astype(basis.dtype).reshape(-1, height // BLOCK, BLOCK, width // BLOCK, BLOCK, channels)
    out = jnp.einsum("uy,nhywxc,vx->nhuwvc", basis, blocks, basis, precision="highest")
    return out.reshape(image.shape).astype(image.dtype)
