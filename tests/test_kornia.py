"""What kornia computes, computed the same: where its definitions are ours, or ours with another border."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import ops
from tests.op_case import unit

torch = pytest.importorskip("torch")
kornia = pytest.importorskip("kornia")
K, M, C = kornia.filters, kornia.morphology, kornia.color

KERNEL = np.arange(12, dtype=np.float32).reshape(3, 4)[:, :3] / 10
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.float32)
SAME = {
    "filter2d": (lambda x: ops.filter2d(x, KERNEL), lambda x: K.filter2d(x, torch.from_numpy(KERNEL)[None])),
    "gaussian_blur": (
        lambda x: ops.gaussian_blur(x, 1.2, radius=3),
        lambda x: K.gaussian_blur2d(x, (7, 7), (1.2, 1.2)),
    ),
    "box_blur": (lambda x: ops.box_blur(x, (3, 5)), lambda x: K.box_blur(x, (3, 5))),
    "sobel x": (
        lambda x: ops.sobel(x, 1, 0, border="edge"),
        lambda x: K.spatial_gradient(x, normalized=False)[:, :, 0],
    ),
    "sobel y": (
        lambda x: ops.sobel(x, 0, 1, border="edge"),
        lambda x: K.spatial_gradient(x, normalized=False)[:, :, 1],
    ),
    "median_blur, inside": (
        lambda x: ops.median_blur(x, 3)[1:-1, 1:-1],
        lambda x: K.median_blur(x, 3)[..., 1:-1, 1:-1],
    ),
    "erode": (lambda x: ops.erode(x, CROSS.tolist()), lambda x: M.erosion(x, torch.from_numpy(CROSS))),
    "dilate": (lambda x: ops.dilate(x, CROSS.tolist()), lambda x: M.dilation(x, torch.from_numpy(CROSS))),
    "top_hat": (lambda x: ops.top_hat(x, 3), lambda x: M.top_hat(x, torch.ones(3, 3))),
    "resize": (
        lambda x: ops.resize(x, (9, 31)),
        lambda x: kornia.geometry.resize(x, (9, 31), align_corners=False),
    ),
    "rgb_to_linear": (ops.rgb_to_linear, C.rgb_to_linear_rgb),
    "rgb_to_lab": (ops.rgb_to_lab, C.rgb_to_lab),
}


@pytest.mark.parametrize("name", SAME)
def test_equals_kornia(name, rng):
    image = np.clip(unit(rng, (17, 22, 3)), 0, 1)
    ours, theirs = SAME[name]
    want = theirs(torch.from_numpy(np.moveaxis(image, -1, 0)[None].copy()))
    got = np.asarray(ours(jnp.asarray(image)))
    want = np.moveaxis(want[0].numpy(), 0, -1)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-2 if name == "rgb_to_lab" else 2e-5)
