"""Rows of ops/color.py, adjust.py, layout.py, dtypes.py and dct.py."""

import cv2
import dm_pix
import jax
import numpy as np
import scipy.fft
import skimage.color
import skimage.exposure
import skimage.util

from jaximg import ops
from jaximg.ops.color import CB, CR, LUMA
from tests.op_case import KEY, OpCase, unit

RGB = {"channels": (3,)}


def lab(rng, shape):
    return skimage.color.rgb2lab(unit(rng, shape)).astype(np.float32)


def hue_first(rng, shape):
    """Hue, saturation and value (or lightness), away from the corners of the hue circle."""
    picture = unit(rng, shape)
    return np.concatenate([0.02 + 0.1 * picture[..., :1], picture[..., 1:]], -1).astype(np.float32)


def blocks(rng, shape):
    return unit(rng, (16, 24, shape[2]))


def number(value):
    return lambda rng, shape: (np.float32(value),)


def ycbcr(image):
    y = image @ np.array(LUMA)
    return np.stack([y, (image[..., 2] - y) / CB + 0.5, (image[..., 0] - y) / CR + 0.5], -1)


def to_rgb(image):
    y, cb, cr = np.moveaxis(image.astype(np.float64), -1, 0)
    red, blue = y + CR * (cr - 0.5), y + CB * (cb - 0.5)
    return np.stack([red, (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1], blue], -1)


def linear(image):
    return np.where(image <= 0.04045, image / 12.92, ((np.maximum(image, 0) + 0.055) / 1.055) ** 2.4)


def gamma(image):
    return np.where(image <= 0.0031308, image * 12.92, 1.055 * np.maximum(image, 0) ** (1 / 2.4) - 0.055)


def hsl(image):
    hls = cv2.cvtColor(image, cv2.COLOR_RGB2HLS)
    return hls[..., [0, 2, 1]] / np.array([360, 1, 1])


def turned(image, delta):
    out = skimage.color.rgb2hsv(image)
    out[..., 0] = (out[..., 0] + delta) % 1
    return skimage.color.hsv2rgb(out)


def saturated(image, factor):
    out = skimage.color.rgb2hsv(image)
    out[..., 1] = np.clip(out[..., 1] * factor, 0, 1)
    return skimage.color.hsv2rgb(out)


def dct(image, forward=scipy.fft.dctn):
    h, w, c = image.shape
    tiles = image.reshape(h // 8, 8, w // 8, 8, c)
    return forward(tiles, axes=(1, 3), norm="ortho").reshape(h, w, c)


def patches(image, size, stride=2):
    windows = skimage.util.view_as_windows(image, (*size, image.shape[-1]), (stride, stride, 1))
    return windows.reshape(*windows.shape[:2], -1)


def blocks_to_depth(image, n):
    h, w, c = image.shape
    return image.reshape(h // n, n, w // n, n, c).transpose(0, 2, 1, 3, 4).reshape(h // n, w // n, -1)


def depth_to_blocks(image, n):
    h, w, _ = image.shape
    return np.block([[image[y, x].reshape(n, n) for x in range(w)] for y in range(h)])


def crop(image, h, w):
    top, left = image.shape[0] // 2 - h // 2, image.shape[1] // 2 - w // 2
    return image[top : top + h, left : left + w]


def padded(image, h, w):
    dy, dx = h - image.shape[0], w - image.shape[1]
    return np.pad(image, ((dy // 2, dy - dy // 2), (dx // 2, dx - dx // 2), (0, 0)))


def perhaps(flip):
    return lambda image: flip(image) if jax.random.bernoulli(KEY, 0.5) else image


CASES = [
    OpCase(
        ops.rgb_to_grayscale,
        lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
        "OpenCV",
        linear=True,
        same_size=True,
        **RGB,
    ),
    OpCase(
        ops.rgb_to_ycbcr,
        ycbcr,
        "NumPy",
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb),
        **RGB,
    ),
    OpCase(
        ops.ycbcr_to_rgb,
        to_rgb,
        "NumPy",
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_YCrCb2RGB),
        **RGB,
    ),
    OpCase(ops.rgb_to_linear, linear, "NumPy"),
    OpCase(ops.linear_to_rgb, gamma, "NumPy"),
    OpCase(
        ops.rgb_to_lab,
        skimage.color.rgb2lab,
        "scikit-image",
        atol=1e-3,
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2Lab),
        tier="deviation",
        why="L is 0..100, and scikit-image rounds (6/29)^3 to 0.008856 and 1/3 (29/6)^2 to 7.787",
        loose=1e-4,
        **RGB,
    ),
    OpCase(
        ops.lab_to_rgb,
        skimage.color.lab2rgb,
        "scikit-image",
        image=lab,
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_Lab2RGB),
        **RGB,
    ),
    OpCase(
        ops.rgb_to_hsv,
        skimage.color.rgb2hsv,
        "scikit-image",
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2HSV),
        **RGB,
    ),
    OpCase(
        ops.hsv_to_rgb,
        skimage.color.hsv2rgb,
        "scikit-image",
        image=hue_first,
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_HSV2RGB),
        **RGB,
    ),
    OpCase(
        ops.rgb_to_hsl,
        hsl,
        "OpenCV",
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2HLS),
        **RGB,
    ),
    OpCase(
        ops.hsl_to_rgb,
        lambda image: cv2.cvtColor(image[..., [0, 2, 1]] * np.float32([360, 1, 1]), cv2.COLOR_HLS2RGB),
        "OpenCV",
        image=hue_first,
        bench_oracle=lambda image: cv2.cvtColor(image, cv2.COLOR_HLS2RGB),
        **RGB,
    ),
    OpCase(ops.adjust_brightness, lambda image, delta: image + delta, "NumPy", args=number(0.2)),
    OpCase(
        ops.adjust_contrast,
        lambda image, factor: factor * (image - image.mean((0, 1))) + image.mean((0, 1)),
        "NumPy",
        args=number(1.3),
        linear=True,
    ),
    OpCase(
        ops.adjust_gamma,
        lambda image, power: skimage.exposure.adjust_gamma(np.maximum(image, 0), float(power)),
        "scikit-image",
        args=number(0.7),
    ),
    OpCase(ops.adjust_hue, turned, "scikit-image", args=number(0.15), **RGB),
    OpCase(ops.adjust_saturation, saturated, "scikit-image", args=number(0.8), **RGB),
    OpCase(
        ops.solarize,
        lambda image, threshold: np.where(image < threshold, image, 1 - image),
        "NumPy",
        args=number(0.5),
        tier="bit-exact",
    ),
    OpCase(
        ops.to_uint8,
        lambda image: skimage.util.img_as_ubyte(np.clip(image, 0, 1)),
        "scikit-image",
        differentiable=False,
        tier="bit-exact",
    ),
    OpCase(
        ops.to_uint16,
        lambda image: skimage.util.img_as_uint(np.clip(image, 0, 1)),
        "scikit-image",
        differentiable=False,
        tier="bit-exact",
    ),
    OpCase(ops.block_dct, dct, "SciPy", image=blocks, linear=True),
    OpCase(ops.block_idct, lambda image: dct(image, scipy.fft.idctn), "SciPy", image=blocks, linear=True),
    OpCase(ops.flip_left_right, lambda image: cv2.flip(image, 1), "OpenCV", linear=True, tier="bit-exact"),
    OpCase(ops.flip_up_down, lambda image: cv2.flip(image, 0), "OpenCV", linear=True, tier="bit-exact"),
    OpCase(ops.rot90, np.rot90, "NumPy", linear=True, same_size=False, tier="bit-exact"),
    OpCase(
        ops.center_crop,
        crop,
        "NumPy",
        args=lambda rng, shape: (11, 15),
        linear=True,
        same_size=False,
        smallest=15,
        tier="bit-exact",
        bench_hw=None,
    ),
    OpCase(
        ops.pad_to_size,
        padded,
        "NumPy",
        args=lambda rng, shape: (30, 33),
        linear=True,
        same_size=False,
        tier="bit-exact",
        bench_hw=None,
    ),
    OpCase(
        ops.space_to_depth,
        blocks_to_depth,
        "NumPy",
        args=lambda rng, shape: (4,),
        image=blocks,
        linear=True,
        same_size=False,
        tier="bit-exact",
    ),
    OpCase(
        ops.depth_to_space,
        depth_to_blocks,
        "NumPy",
        args=lambda rng, shape: (2,),
        channels=(4,),
        linear=True,
        same_size=False,
        tier="bit-exact",
        bench_hw=None,
    ),
    OpCase(
        ops.extract_patches,
        patches,
        "scikit-image",
        args=lambda rng, shape: ((3, 5),),
        kwargs={"stride": 2},
        linear=True,
        same_size=False,
        smallest=5,
        tier="bit-exact",
        bench_hw=None,
    ),
    OpCase(
        ops.random_crop,
        lambda image, size: np.asarray(dm_pix.random_crop(KEY, image, (*size, image.shape[-1]))),
        "dm-pix",
        args=lambda rng, shape: ((11, 15),),
        linear=True,
        same_size=False,
        smallest=15,
        tier="bit-exact",
        bench_hw=None,
    ),
    OpCase(ops.random_flip_left_right, perhaps(np.fliplr), "NumPy", linear=True, tier="bit-exact", bench_hw=None),
    OpCase(ops.random_flip_up_down, perhaps(np.flipud), "NumPy", linear=True, tier="bit-exact", bench_hw=None),
]
