"""Facts about remap, the warps and resize beyond their rows."""

import cv2
import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaximg import ops
from tests.cases_warp import BORDER, INTERPOLATION
from tests.op_case import unit

IDENTITY = jnp.asarray([[1.0, 0, 0], [0, 1, 0]])


def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


@pytest.mark.parametrize("border", BORDER)
@pytest.mark.parametrize("method", INTERPOLATION)
def test_remap_equals_opencv_near_and_far_from_the_picture(rng, method, border):
    image = unit(rng, (17, 23, 3))
    far = 0.9 if method == "cubic" else 2.9  # beyond that OpenCV's cubic stops
    x, y = (rng.uniform(-far, 1 + far, (40, 31)).astype(np.float32) * n for n in (23, 17))
    want = cv2.remap(image, x, y, INTERPOLATION[method], borderMode=BORDER[border])
    got = ops.remap(image, x, y, method=method, border=border)
    np.testing.assert_allclose(got, want, atol=2e-5)


@pytest.mark.parametrize("border", BORDER)
def test_borders_go_on_for_ever_as_in_numpy(rng, border):
    image = unit(rng, (1, 9, 1))
    x = rng.uniform(-70, 80, (1, 200)).astype(np.float32)
    padded = np.pad(image, ((0, 0), (100, 100), (0, 0)), mode=border)
    for method in INTERPOLATION:
        want = ops.remap(padded, x + 100, 0 * x, method=method, border="edge")
        np.testing.assert_allclose(ops.remap(image, x, 0 * x, method=method, border=border), want, atol=1e-4)


@pytest.mark.parametrize("border", BORDER)
def test_nearest_breaks_ties_as_opencv(border):
    image = np.arange(12, dtype=np.float32).reshape(1, 12, 1)
    x = np.arange(-8, 20, 0.5, dtype=np.float32)[None]
    want = cv2.remap(image, x, 0 * x, cv2.INTER_NEAREST, borderMode=BORDER[border])
    np.testing.assert_array_equal(ops.remap(image, x, 0 * x, method="nearest", border=border)[..., 0], want)


def test_identity_map_returns_the_picture(rng):
    image = unit(rng, (9, 12, 3))
    x, y = grid(9, 12)
    for method in INTERPOLATION:
        np.testing.assert_array_equal(ops.remap(image, x, y, method=method), image)


def test_gradient_at_the_identity_is_the_forward_difference(rng):
    image = unit(rng, (9, 12, 1))
    x, y = grid(9, 12)
    gx, gy = jax.grad(lambda x, y: ops.remap(image, x, y, border="edge").sum(), argnums=(0, 1))(x, y)
    np.testing.assert_allclose(gx[:, :-1], np.diff(image[..., 0], axis=1), atol=1e-6)
    np.testing.assert_allclose(gy[:-1], np.diff(image[..., 0], axis=0), atol=1e-6)
    assert not gx[:, -1].any() and not gy[-1].any()


def test_gradient_descent_registers_from_the_identity(rng):
    image = cv2.GaussianBlur(unit(rng, (48, 48, 1)), (0, 0), 3)[..., None]
    target = ops.warp_affine(image, IDENTITY.at[:, 2].set(jnp.asarray([1.3, -0.7])), border="edge")

    @jax.jit
    def step(shift):
        def loss(shift):
            moved = ops.warp_affine(image, IDENTITY.at[:, 2].set(shift), border="edge")
            return jnp.mean((moved - target) ** 2)

        gradient, hessian = jax.grad(loss)(shift), jax.hessian(loss)(shift)
        return shift - jnp.linalg.solve(hessian, gradient)

    shift = jnp.zeros(2)
    for _ in range(8):
        shift = step(shift)
    np.testing.assert_allclose(shift, [1.3, -0.7], atol=1e-3)


@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_gradient_in_the_places_and_the_image_equals_finite_differences(rng, method):
    with jax.enable_x64(True):
        image = jnp.asarray(rng.random((7, 9, 3)))
        x, y = (jnp.asarray(rng.uniform(-2, n + 1, (5, 6))) for n in (9, 7))
        weights = jnp.asarray(rng.standard_normal((5, 6, 3)))

        def loss(image, x, y):
            return jnp.vdot(ops.remap(image, x, y, method=method, value=0.3), weights)

        gradients = jax.grad(loss, argnums=(0, 1, 2))(image, x, y)
        steps = [jnp.asarray(rng.standard_normal(a.shape)) for a in (image, x, y)]
        ahead, behind = ([a + s * 1e-6 * d for a, d in zip((image, x, y), steps, strict=True)] for s in (1, -1))
        slope = (loss(*ahead) - loss(*behind)) / 2e-6
        tangent = sum(jnp.vdot(g, d) for g, d in zip(gradients, steps, strict=True))
        np.testing.assert_allclose(tangent, slope, rtol=1e-6)
        np.testing.assert_allclose(jax.jvp(loss, (image, x, y), tuple(steps))[1], tangent, rtol=1e-9)


def test_matrix_gradients_equal_finite_differences(rng):
    with jax.enable_x64(True):
        image = jnp.asarray(rng.random((8, 9, 2)))
        start = np.asarray([[0.9137, 0.2071, 1.1239], [-0.1193, 1.0517, 0.4231], [0.003, -0.002, 1.0]])
        for op, matrix in ((ops.warp_affine, start[:2]), (ops.warp_perspective, start)):
            weights = jnp.asarray(rng.standard_normal(image.shape))
            loss = jax.jit(lambda m, op=op, weights=weights: jnp.vdot(op(image, m), weights))
            gradient = jax.grad(loss)(jnp.asarray(matrix))
            step = rng.standard_normal(matrix.shape) * 1e-6
            slope = (loss(matrix + step) - loss(matrix - step)) / 2
            np.testing.assert_allclose(jnp.vdot(gradient, step), slope, rtol=1e-5)


def test_a_batch_of_matrices_broadcasts_against_a_batch_of_images(rng):
    images = np.stack([unit(np.random.default_rng(k), (11, 13, 3)) for k in range(2)])
    matrices = jnp.stack([ops.rotation_matrix((6, 5), angle, scale=1.1) for angle in (5.0, -20.0, 45.0)])
    for together, one in (
        (ops.warp_affine(images[0], matrices), [ops.warp_affine(images[0], m) for m in matrices]),
        (ops.warp_affine(images, matrices[0]), [ops.warp_affine(i, matrices[0]) for i in images]),
        (
            ops.warp_affine(images, matrices[:2]),
            [ops.warp_affine(i, m) for i, m in zip(images, matrices, strict=False)],
        ),
        (
            ops.warp_affine(images[:, None], matrices).reshape(-1, 11, 13, 3),
            [ops.warp_affine(i, m) for i in images for m in matrices],
        ),
        (
            jax.vmap(ops.warp_affine, in_axes=(None, 0))(images[0], matrices),
            [ops.warp_affine(images[0], m) for m in matrices],
        ),
        (jax.vmap(ops.warp_affine)(images, matrices[:2]), [ops.warp_affine(images[k], matrices[k]) for k in range(2)]),
    ):
        np.testing.assert_allclose(together, np.stack(one), atol=1e-6)


def test_warps_equal_opencv_on_another_shape_and_back(rng):
    image = unit(rng, (40, 30, 3))
    matrix = cv2.getPerspectiveTransform(
        np.float32([[2, 3], [27, 1], [29, 38], [0, 35]]), np.float32([[0, 0], [24, 0], [24, 19], [0, 19]])
    )
    for inverse, flag in ((False, 0), (True, cv2.WARP_INVERSE_MAP)):
        want = cv2.warpPerspective(image, matrix, (25, 20), flags=cv2.INTER_LINEAR | flag)
        got = ops.warp_perspective(image, matrix, shape=(20, 25), inverse=inverse)
        np.testing.assert_allclose(got, want, atol=3e-5)
        want = cv2.warpAffine(image, matrix[:2], (25, 20), flags=cv2.INTER_LINEAR | flag)
        got = ops.warp_affine(image, matrix[:2], shape=(20, 25), inverse=inverse)
        np.testing.assert_allclose(got, want, atol=3e-5)


def test_the_scale_of_a_homography_does_not_matter(rng):
    image = unit(rng, (16, 16, 1))
    matrix = np.float32([[1, 0.1, 2], [0, 1.2, -1], [0.01, 0, 1]])
    for scale in (1e-12, -3.0, 1e12):
        np.testing.assert_allclose(
            ops.warp_perspective(image, matrix * np.float32(scale)), ops.warp_perspective(image, matrix), atol=1e-4
        )


def test_constant_border_blends_into_its_colour(rng):
    image = np.ones((4, 4, 3), np.float32)
    x = np.float32([[-0.25, -2.0, 3.75]])
    got = ops.remap(image, x, 0 * x + 1, value=np.float32([0, 0.5, 1]))
    np.testing.assert_allclose(got[0], [[0.75, 0.875, 1], [0, 0.5, 1], [0.25, 0.625, 1]], atol=1e-6)


def test_singular_matrices_and_non_finite_places_stay_finite(rng):
    image = unit(rng, (6, 7, 1))
    for op, shape in ((ops.warp_affine, (2, 3)), (ops.warp_perspective, (3, 3))):
        out, gradient = jax.value_and_grad(lambda m, op=op: op(image, m).sum())(jnp.zeros(shape))
        assert np.isfinite(out) and np.isfinite(gradient).all()
    x = np.float32([[np.inf, -np.inf, np.nan, 1e30]])
    out, gradient = jax.value_and_grad(lambda x: ops.remap(image, x, jnp.zeros_like(x)).sum())(x)
    assert out == 0 and not gradient.any()
    for border in BORDER:
        assert np.isfinite(ops.remap(image, x[:, [0, 1, 3]], np.zeros((1, 3), np.float32), border=border)).all()


def test_rotation_matrix_equals_opencv():
    for degrees, scale in ((0, 1), (30, 2), (-100, 0.5)):
        want = cv2.getRotationMatrix2D((3, 4.5), degrees, scale)
        np.testing.assert_allclose(ops.rotation_matrix((3, 4.5), degrees, scale=scale), want, atol=1e-5)
    assert ops.rotation_matrix((0, 0), jnp.arange(6.0).reshape(2, 3)).shape == (2, 3, 2, 3)


def test_rotate_agrees_with_dm_pix(rng):
    image = jnp.asarray(unit(rng, (16, 16, 3)))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        want = dm_pix.rotate(image, np.deg2rad(30.0), order=1, mode="constant", cval=0.0)
    np.testing.assert_allclose(ops.rotate(image, 30.0)[4:12, 4:12], want[4:12, 4:12], atol=1e-4)


def test_remap_rejects_places_that_do_not_fit(rng):
    image = unit(rng, (5, 5, 1))
    x, y = grid(3, 4)
    with pytest.raises(ValueError, match="shape"):
        ops.remap(image, x, y[:2])
    with pytest.raises(TypeError, match="floating"):
        ops.remap(image, x.astype(int), y)
    with pytest.raises(ValueError, match="matrix"):
        ops.warp_affine(image, np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="border"):
        ops.warp_affine(image, IDENTITY, border="nearest")
    with pytest.raises(ValueError, match="method"):
        ops.rotate(image, 3.0, method="lanczos")


# --- resize ----------------------------------------------------------------------------------------------------------

SIZES = [
    (21, 26, 7, 13),
    (21, 26, 42, 52),
    (20, 26, 10, 13),
    (20, 24, 5, 6),
    (33, 17, 11, 40),
    (8, 8, 12, 20),
    (5, 6, 1, 1),
]


@pytest.mark.parametrize("method", ["linear", "cubic", "area"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_resize_equals_opencv(rng, method, sizes):
    flag = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}[method]
    height, width, h, w = sizes
    if method == "area" and (h > height) != (w > width):
        return  # OpenCV falls back to its linear rule on both axes
    for channels in (1, 3):
        image = unit(rng, (height, width, channels))
        want = cv2.resize(image, (w, h), interpolation=flag).reshape(h, w, channels)
        np.testing.assert_allclose(ops.resize(image, (h, w), method=method), want, atol=2e-6)
        batch = ops.resize(np.stack([image, image[::-1]]), (h, w), method=method)
        np.testing.assert_allclose(batch[0], want, atol=2e-6)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_antialiased_resize_equals_pil_and_jax(rng, sizes):
    height, width, h, w = sizes
    image = unit(rng, (height, width, 1))
    for method, resample in (("linear", Image.Resampling.BILINEAR), ("cubic", Image.Resampling.BICUBIC)):
        got = ops.resize(image, (h, w), method=method, antialias=True)
        pil = np.asarray(Image.fromarray(image[..., 0]).resize((w, h), resample))[..., None]
        np.testing.assert_allclose(got, pil, atol=2e-6)
        np.testing.assert_allclose(got, jax.image.resize(image, (h, w, 1), method, antialias=True), atol=1e-5)


def test_a_thumbnail_sums_a_loop_of_taps(rng):
    image = unit(rng, (400, 300, 1))
    want = np.asarray(Image.fromarray(image[..., 0]).resize((10, 8), Image.Resampling.BILINEAR))[..., None]
    np.testing.assert_allclose(ops.resize(image, (8, 10), antialias=True), want, atol=2e-6)
    gradient = jax.grad(lambda x: ops.resize(x, (8, 10), method="area").sum())(image)
    np.testing.assert_allclose(gradient, np.full_like(image, 80 / image.size), rtol=1e-4)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", ["nearest", "linear", "cubic", "area"])
def test_flat_pictures_stay_flat(method, antialias):
    for size in ((3, 5), (16, 24), (31, 7), (12, 12)):
        out = ops.resize(np.full((12, 12, 1), 0.7, np.float32), size, method=method, antialias=antialias)
        np.testing.assert_allclose(out, 0.7, atol=1e-6)


def test_area_keeps_the_mean(rng):
    image = unit(rng, (30, 41, 3))
    np.testing.assert_allclose(ops.resize(image, (7, 9), method="area").mean(), image.mean(), atol=1e-6)


def test_resize_to_the_same_size_is_free(rng):
    image = jnp.asarray(unit(rng, (6, 7, 1)))
    for method in ("nearest", "linear", "cubic", "area"):
        np.testing.assert_array_equal(ops.resize(image, (6, 7), method=method), image)


def test_resize_rejects_what_it_does_not_know(rng):
    image = unit(rng, (6, 7, 1))
    with pytest.raises(ValueError, match="method"):
        ops.resize(image, 4, method="lanczos")
    with pytest.raises(TypeError, match="size"):
        ops.resize(image, 4.5)
