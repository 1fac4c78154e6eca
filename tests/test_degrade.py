"""Damages: their statistics against theory, their keys, and how near our JPEG is to libjpeg's."""

import inspect
from functools import partial

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg import degrade, ops
from jaximg.degrade.blur import disc_kernel, line_kernel
from jaximg.ops.dct import quality_tables
from tests.op_case import unit

KEY = jax.random.key(7)
IMAGES = {
    "gaussian_noise": partial(degrade.gaussian_noise, sigma=0.1),
    "poisson_noise": partial(degrade.poisson_noise, peak=50.0),
    "salt_and_pepper": partial(degrade.salt_and_pepper, amount=0.2),
    "camera_noise": partial(degrade.camera_noise, shot=0.01, read=0.02),
    "camera_noise_jpeg": partial(degrade.camera_noise, shot=0.01, read=0.02, quality=80),
    "mosaic_noise": partial(degrade.mosaic_noise, photons=300.0, read=0.01),
    "mosaic": partial(degrade.mosaic, gamma=2.2),
    "gaussian_blur": partial(degrade.blur, size=1.5),
    "motion_blur": partial(degrade.blur, size=3.0, kind="motion"),
    "defocus_blur": partial(degrade.blur, size=2.0, kind="defocus"),
    "jpeg": partial(degrade.jpeg, quality=40),
    "jpeg_soft": partial(degrade.jpeg, quality=40, rounding="soft"),
}
MASKED = {
    "pixel_dropout": partial(degrade.pixel_dropout, fraction=0.3),
    "holes": partial(degrade.holes, count=3),
    "boxes": partial(degrade.holes, count=3, shape="box"),
    "scratches": partial(degrade.scratches, count=4),
}
JITTABLE = {**IMAGES, **MASKED}
RANDOM = [name for name in JITTABLE if name not in ("mosaic", "gaussian_blur", "defocus_blur", "jpeg", "jpeg_soft")]
every = pytest.mark.parametrize("damage", JITTABLE.values(), ids=JITTABLE)
random_ones = pytest.mark.parametrize("damage", [JITTABLE[name] for name in RANDOM], ids=RANDOM)
masked = pytest.mark.parametrize("damage", [*MASKED.values(), degrade.text], ids=[*MASKED, "text"])


@pytest.fixture
def picture(rng):
    return jnp.asarray(np.clip(unit(rng, (45, 58, 3)), 0.02, 1))


def leaves(out):
    return [np.asarray(leaf, np.float32) for leaf in jax.tree.leaves(out)]


def equal(a, b, atol=0.0):
    for x, y in zip(leaves(a), leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=atol)


# --- what all of them promise ----------------------------------------------------------------------------------------


@random_ones
def test_the_key_decides(damage, picture):
    equal(damage(KEY, picture), damage(KEY, picture))
    other = leaves(damage(jax.random.key(8), picture))
    assert any((x != y).any() for x, y in zip(leaves(damage(KEY, picture)), other, strict=True))


@every
def test_jit_and_vmap_over_keys_equal_one_by_one(damage, picture):
    keys = jax.random.split(KEY, 2)
    together = leaves(jax.jit(jax.vmap(damage, in_axes=(0, None)))(keys, picture))
    for i, key in enumerate(keys):
        for x, y in zip(together, leaves(damage(key, picture)), strict=True):
            # Where a value falls between two of JPEG's steps the last bit decides: a few pixels may differ.
            assert (np.abs(x[i] - y) > 1e-5).mean() < 0.01


@random_ones
def test_pictures_of_a_batch_are_damaged_independently(damage, picture):
    batch = jnp.broadcast_to(picture, (2, 2, *picture.shape))
    for leaf in leaves(damage(KEY, batch)):
        assert leaf.shape[:2] == (2, 2)
    first = leaves(damage(KEY, batch))[0].reshape(4, -1)
    assert len(np.unique(first, axis=0)) == 4


@every
@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_keeps_dtype_and_shape(damage, picture, dtype):
    with jax.enable_x64(dtype == "float64"):
        out = jax.eval_shape(partial(damage, KEY), jnp.asarray(picture, dtype))
        for leaf in jax.tree.leaves(out):
            assert leaf.dtype == dtype
        assert jax.tree.leaves(out)[0].shape == picture.shape


@every
def test_gradients_are_finite_on_flat_pictures(damage, picture):
    gradient = jax.jit(jax.grad(lambda x: sum(jnp.sum(leaf) for leaf in jax.tree.leaves(damage(KEY, x)))))
    for level in (0.0, 0.5, 1.0):
        assert np.isfinite(gradient(jnp.full(picture.shape, level))).all()


@every
def test_grey_pictures_are_taken_too(damage, picture):
    assert jax.tree.leaves(jax.eval_shape(partial(damage, KEY), picture[..., :1]))[0].shape == (45, 58, 1)


@every
def test_bad_input_is_refused_with_a_cure(damage, picture):
    with pytest.raises(TypeError, match="to_float"):
        damage(KEY, np.zeros(picture.shape, np.uint8))
    with pytest.raises(ValueError, match="None|height"):
        damage(KEY, picture[..., 0])


@masked
def test_known_pixels_are_untouched_and_the_mask_is_zero_or_one(damage, picture):
    out, mask = damage(KEY, picture)
    assert mask.shape == (45, 58, 1) and mask.dtype == picture.dtype
    assert set(np.unique(mask)) == {0, 1}
    known = np.broadcast_to(mask == 1, picture.shape)
    np.testing.assert_array_equal(np.asarray(out)[known], np.asarray(picture)[known])
    assert (np.asarray(out)[~known] != np.asarray(picture)[~known]).mean() > 0.9


@pytest.mark.parametrize(
    ("damage", "option"),
    [
        (degrade.gaussian_noise, "sigma"),
        (degrade.poisson_noise, "peak"),
        (degrade.salt_and_pepper, "amount"),
        (degrade.pixel_dropout, "fraction"),
        (partial(degrade.holes, count=2), "fraction"),
        (degrade.scratches, "width"),
        (degrade.jpeg, "quality"),
        (partial(degrade.camera_noise, read=0.01), "shot"),
        (partial(degrade.blur, kind="defocus", radius=4), "size"),
    ],
)
def test_a_new_strength_compiles_nothing_anew(damage, option, picture):
    count = 0

    @jax.jit
    def run(value):
        nonlocal count
        count += 1
        return damage(KEY, picture, **{option: value})

    outs = [
        leaves(run(value))[0] for value in (0.3 if option != "quality" else 30.0, 0.6 if option != "quality" else 60.0)
    ]
    assert count == 1
    assert (outs[0] != outs[1]).any()


@pytest.mark.parametrize("name", degrade.__all__)
def test_public_functions_are_documented_and_called_alike(name):
    function = getattr(degrade, name)
    doc, parameters = inspect.getdoc(function) or "", list(inspect.signature(function).parameters)
    assert all(f"\n{section}:\n" in doc for section in ("Args", "Returns", "Raises", "Example", "References"))
    assert parameters[:2] == (["image", "quality"] if name == "jpeg_real" else ["key", "image"])


# --- noise -----------------------------------------------------------------------------------------------------------


def moments(out):
    return np.asarray(out, np.float64).mean(), np.asarray(out, np.float64).var()


@pytest.mark.parametrize("sigma", [0.02, 25 / 255, 0.5])
def test_gaussian_noise_has_mean_zero_its_sigma_and_is_white(sigma):
    noise = np.asarray(degrade.gaussian_noise(KEY, jnp.zeros((300, 300, 3)), sigma=sigma))
    mean, variance = moments(noise)
    assert abs(mean) < 4 * sigma / np.sqrt(noise.size)
    np.testing.assert_allclose(variance, sigma**2, rtol=0.02)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.01


def test_each_picture_of_a_batch_may_have_a_sigma_of_its_own():
    out = degrade.gaussian_noise(KEY, jnp.zeros((3, 99, 99, 1)), sigma=jnp.array([0.1, 0.2, 0.4]))
    np.testing.assert_allclose(np.asarray(out).std((1, 2, 3)), [0.1, 0.2, 0.4], rtol=0.03)
    with pytest.raises(ValueError, match="each picture"):
        degrade.gaussian_noise(KEY, jnp.zeros((3, 9, 9, 1)), sigma=jnp.ones(2))


@pytest.mark.parametrize(("level", "peak"), [(0.1, 20.0), (0.5, 100.0), (0.9, 5.0)])
def test_poisson_noise_has_the_picture_s_mean_and_its_variance_over_the_peak(level, peak):
    out = degrade.poisson_noise(KEY, jnp.full((300, 300, 1), level), peak=peak)
    mean, variance = moments(out)
    np.testing.assert_allclose([mean, variance], [level, level / peak], rtol=0.03)
    np.testing.assert_allclose(np.asarray(out) * peak, np.round(np.asarray(out) * peak), atol=1e-3)


def test_poisson_noise_passes_the_gradient_of_its_mean(picture):
    gradient = jax.grad(lambda x: degrade.poisson_noise(KEY, x, peak=30.0).sum())(picture)
    np.testing.assert_array_equal(gradient, 1)


def test_salt_and_pepper_hit_their_shares_in_all_channels_at_once():
    out = np.asarray(degrade.salt_and_pepper(KEY, jnp.full((300, 300, 3), 0.5), amount=0.3, salt=0.25))
    np.testing.assert_allclose([(out == 1).mean(), (out == 0).mean()], [0.075, 0.225], rtol=0.05)
    assert (out == out[..., :1]).all()


def test_mosaic_noise_is_what_a_sensor_counts_where_the_colour_was_seen():
    """In the sensor's light: the variance that was asked for at a green pixel, a quarter of it between four of them."""
    level, photons, read = 0.6, 500.0, 0.02
    out = degrade.mosaic_noise(KEY, jnp.full((400, 400, 3), level), photons=photons, read=read, gamma=2.2)
    green = np.asarray(out, np.float64)[..., 1] ** 2.2
    wanted = level**2.2 / photons + read**2
    np.testing.assert_allclose(green.mean(), level**2.2, rtol=2e-3)
    np.testing.assert_allclose(green[::2, 1::2].var(), wanted, rtol=0.05)
    np.testing.assert_allclose(green[::2, ::2].var(), wanted / 4, rtol=0.05)


def test_a_sensor_counts_no_less_than_nothing_which_brightens_the_dark():
    """The mean of max(0, noise) is the normal density at 0 times its deviation; interpolating keeps it."""
    out = degrade.mosaic_noise(KEY, jnp.zeros((400, 400, 3)), photons=500.0, read=0.02, gamma=2.2)
    np.testing.assert_allclose((np.asarray(out, np.float64) ** 2.2).mean(), 0.02 / (2 * np.pi) ** 0.5, rtol=0.02)


def test_the_slope_of_mosaic_noise_is_finite_in_the_dark():
    lit = jax.grad(lambda x: degrade.mosaic_noise(KEY, x, photons=300.0, read=0.0).sum())(jnp.zeros((8, 8, 3)))
    assert np.isfinite(lit).all()


def test_a_mosaic_is_interpolated_as_opencv_does(picture):
    raw = np.asarray(picture)[:44]
    seen = raw[..., 1].copy()
    seen[::2, ::2], seen[1::2, 1::2] = raw[::2, ::2, 0], raw[1::2, 1::2, 2]
    wanted = cv2.cvtColor(np.round(65535 * seen).astype(np.uint16), cv2.COLOR_BayerRGGB2RGB) / 65535
    found = degrade.mosaic(KEY, picture[:44], gamma=1.0)
    np.testing.assert_allclose(found[1:-1, 1:-1], wanted[1:-1, 1:-1], rtol=0, atol=3e-5)


def test_a_grey_sensor_has_no_mosaic(picture):
    np.testing.assert_allclose(degrade.mosaic(None, picture[..., :1]), picture[..., :1], rtol=0, atol=1e-6)


def test_noise_behind_a_mosaic_is_what_the_sensor_adds_to_its_own_picture(picture):
    noisy = degrade.mosaic_noise(KEY, degrade.mosaic(KEY, picture), photons=1e12, read=0.0)
    np.testing.assert_allclose(noisy, degrade.mosaic(KEY, picture), rtol=0, atol=1e-4)


def test_a_sensor_sees_one_colour_or_three():
    with pytest.raises(ValueError, match="one colour or three"):
        degrade.mosaic(KEY, jnp.zeros((9, 9, 2)))
    with pytest.raises(ValueError, match="one colour or three"):
        degrade.mosaic_noise(KEY, jnp.zeros((9, 9, 2)), photons=100.0, read=0.01)


def test_camera_noise_grows_with_brightness_as_said():
    for level in (0.0, 0.2, 0.8):
        out = degrade.camera_noise(KEY, jnp.full((300, 300, 1), level), shot=0.01, read=0.03)
        mean, variance = moments(out)
        assert abs(mean - level) < 0.005
        np.testing.assert_allclose(variance, 0.01 * level + 0.03**2, rtol=0.05)


def test_camera_noise_is_correlated_as_asked_at_the_rim_too():
    def neighbours(correlation):
        out = degrade.camera_noise(KEY, jnp.zeros((300, 300, 1)), shot=0.0, read=0.1, correlation=correlation)
        noise = np.asarray(out)[..., 0]
        np.testing.assert_allclose(
            np.concatenate([noise[0], noise[-1], noise[:, 0], noise[:, -1]]).std(), 0.1, rtol=0.1
        )
        return np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]

    assert abs(neighbours(0.0)) < 0.02
    # Two equal Gaussians a pixel apart overlap by exp(-1 / (4 sigma^2)).
    np.testing.assert_allclose(neighbours(1.0), np.exp(-0.25), atol=0.03)


def test_camera_noise_has_a_gain_for_each_channel():
    out = degrade.camera_noise(KEY, jnp.zeros((200, 200, 3)), shot=0.0, read=0.05, gain=jnp.array([2.0, 1.0, 1.5]))
    np.testing.assert_allclose(np.asarray(out).std((0, 1)), [0.1, 0.05, 0.075], rtol=0.05)
    with pytest.raises(ValueError, match="gain"):
        degrade.camera_noise(KEY, jnp.zeros((9, 9, 3)), shot=0.0, read=0.05, gain=jnp.ones(2))


# --- blur ------------------------------------------------------------------------------------------------------------


def test_gaussian_blur_is_the_operator_s(picture):
    np.testing.assert_array_equal(degrade.blur(KEY, picture, size=1.7), ops.gaussian_blur(picture, 1.7))


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2, 2.5])
def test_a_motion_kernel_sums_to_one_and_lies_along_its_angle(angle):
    kernel = np.asarray(line_kernel(jnp.float32(11.0), jnp.float32(angle), 8), np.float64)
    y, x = np.mgrid[-8:9, -8:9]
    np.testing.assert_allclose([kernel.sum(), (kernel * x).sum(), (kernel * y).sum()], [1, 0, 0], atol=1e-5)
    cov = np.array([[(kernel * x * x).sum(), (kernel * x * y).sum()], [(kernel * x * y).sum(), (kernel * y * y).sum()]])
    values, vectors = np.linalg.eigh(cov)
    assert abs(vectors[:, 1] @ [np.cos(angle), np.sin(angle)]) > 0.999
    np.testing.assert_allclose(values[1], 11**2 / 12, rtol=0.1)


@pytest.mark.parametrize("radius", [2.5, 4.0, 6.0])
def test_a_disc_has_its_radius(radius):
    kernel = np.asarray(disc_kernel(jnp.float32(radius), 8), np.float64)
    y, x = np.mgrid[-8:9, -8:9]
    np.testing.assert_allclose(kernel.sum(), 1, atol=1e-5)
    np.testing.assert_allclose((kernel * (x * x + y * y)).sum(), radius**2 / 2, rtol=0.1, atol=0.2)


def test_a_motion_of_its_own_for_every_picture_and_one_for_all_if_said(picture):
    batch = jnp.stack([picture, picture])
    own = np.asarray(jax.jit(partial(degrade.blur, size=9.0, kind="motion"))(KEY, batch))
    assert np.abs(own[0] - own[1]).max() > 0.01
    same = np.asarray(jax.jit(partial(degrade.blur, size=9.0, kind="motion", angle=0.3))(KEY, batch))
    np.testing.assert_array_equal(same[0], same[1])


def test_a_traced_size_needs_a_radius(picture):
    with pytest.raises(ValueError, match="radius="):
        jax.jit(lambda s: degrade.blur(KEY, picture, size=s, kind="defocus"))(2.0)
    with pytest.raises(ValueError, match="defocus"):
        degrade.blur(KEY, picture, size=2.0, kind="disc")


# --- JPEG ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_tables_of_a_traced_quality_are_libjpeg_s(quality):
    got = jax.jit(quality_tables)(jnp.float32(quality))
    for a, b in zip(got, ops.dct.jpeg_tables(quality), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("quality", [5, 20, 50, 75, 95])
@pytest.mark.parametrize(("channels", "sampling"), [(1, "4:2:0"), (3, "4:4:4"), (3, "4:2:0")])
@pytest.mark.parametrize("hw", [(64, 96), (45, 58)])
def test_jpeg_is_pillow_s_to_a_fraction_of_a_level(rng, quality, channels, sampling, hw):
    image = np.round(np.clip(unit(rng, (*hw, channels)), 0, 1) * 255).astype(np.float32) / 255
    ours = np.asarray(degrade.jpeg(KEY, image, quality=quality, sampling=sampling)) * 255
    theirs = degrade.jpeg_real(image, quality, sampling=sampling) * 255
    error = np.abs(ours - theirs)
    # libjpeg's integer DCT is off by up to an eighth, which now and then moves a coefficient by a whole step.
    assert error.mean() < 0.7
    # The error is an order below what the compression itself does.
    assert np.square(error).mean() < 0.1 * np.square(theirs - image * 255).mean() + 0.3


def test_jpeg_gives_eight_bit_values_in_the_unit_range(picture):
    out = np.asarray(degrade.jpeg(KEY, picture * 2 - 0.5, quality=30)) * 255
    np.testing.assert_allclose(out, np.round(out), atol=1e-3)
    assert out.min() >= 0 and out.max() <= 255


@pytest.mark.parametrize("rounding", ["straight", "soft"])
def test_jpeg_passes_a_gradient(picture, rounding):
    loss = lambda x: jnp.square(degrade.jpeg(KEY, x, quality=60, rounding=rounding) - 0.5).sum()  # noqa: E731
    gradient = np.asarray(jax.grad(loss)(picture))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    if rounding == "straight":  # the gradient of the picture itself, smeared over its block
        plain = 2 * (np.asarray(picture) - 0.5)
        assert np.corrcoef(gradient.ravel(), plain.ravel())[0, 1] > 0.7


def test_a_worse_quality_is_worse(picture):
    errors = [float(jnp.square(degrade.jpeg(KEY, picture, quality=q) - picture).mean()) for q in (90, 50, 10)]
    assert errors == sorted(errors)


def test_jpeg_of_a_batch_is_that_of_its_pictures(picture):
    batch = jnp.stack([picture, 1 - picture])
    together = np.asarray(degrade.jpeg(None, batch, quality=30))
    for i in range(2):
        assert (np.abs(together[i] - np.asarray(degrade.jpeg(None, batch[i], quality=30))) > 1e-5).mean() < 0.01
    assert degrade.jpeg_real(batch, 30).shape == batch.shape


@pytest.mark.parametrize("quality", [0, 101])
def test_a_quality_outside_jpeg_s_is_refused(picture, quality):
    with pytest.raises(ValueError, match="1 to 100"):
        degrade.jpeg(KEY, picture, quality=quality)
    with pytest.raises(ValueError, match="1 to 100"):
        degrade.jpeg_real(picture, quality)


def test_what_works_on_the_host_says_so_under_jit(picture):
    with pytest.raises(TypeError, match="jpeg is its twin"):
        jax.jit(lambda x: degrade.jpeg_real(x, 50))(picture)
    with pytest.raises(TypeError, match="host"):
        jax.jit(lambda x: degrade.text(KEY, x))(picture)


# --- what gets lost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.8, 1.0])
def test_dropout_loses_its_share(fraction):
    _, mask = degrade.pixel_dropout(KEY, jnp.ones((200, 200, 3)), fraction=fraction)
    assert abs(1 - float(mask.mean()) - fraction) < 0.01


def test_holes_without_a_count_are_single_pixels(picture):
    equal(degrade.holes(KEY, picture, fraction=0.3), degrade.pixel_dropout(KEY, picture, fraction=0.3))


@pytest.mark.parametrize("shape", ["blob", "box"])
def test_holes_lose_about_their_share_in_regions(shape):
    lost = []
    for seed in range(12):
        _, mask = degrade.holes(jax.random.key(seed), jnp.ones((128, 160, 1)), count=8, shape=shape)
        lost.append(1 - float(mask.mean()))
        gone = 1 - np.asarray(mask)[..., 0]
        assert (gone[:, 1:] * gone[:, :-1]).sum() > 0.8 * gone.sum(), "regions hang together"
    assert 0.07 < np.mean(lost) <= 0.1, "a tenth, less what overlaps or leaves the picture"


def test_holes_take_the_value_that_is_given(picture):
    out, mask = degrade.holes(KEY, picture, count=2, value=0.25)
    assert (np.asarray(out)[np.asarray(mask)[..., 0] == 0] == 0.25).all()
    for options in ({"count": 0}, {"count": 2, "shape": "star"}):
        with pytest.raises(ValueError, match="at least one|choose one"):
            degrade.holes(KEY, picture, **options)


def test_scratches_are_thin_long_bright_and_dark():
    image = jnp.full((200, 200, 1), 0.5)
    out, mask = degrade.scratches(KEY, image, count=12, width=1.5)
    touched = np.asarray(mask)[..., 0] == 0
    assert 12 * 20 < touched.sum() < 12 * 4 * 200
    values = np.asarray(out)[..., 0][touched]
    assert values.min() < 0.2 and values.max() > 0.8
    wider = np.asarray(degrade.scratches(KEY, image, count=12, width=5.0)[1])
    assert (wider == 0).sum() > 1.8 * touched.sum()


def test_text_is_written_anew_for_every_key_and_picture(picture):
    batch = jnp.broadcast_to(picture, (2, *picture.shape))
    _, mask = degrade.text(KEY, batch)
    assert mask.shape == (2, 45, 58, 1)
    assert (np.asarray(mask)[0] != np.asarray(mask)[1]).any()
    equal(degrade.text(KEY, picture), degrade.text(KEY, picture))
