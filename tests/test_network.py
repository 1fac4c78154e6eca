"""The shipped networks: whole pictures square by square, few programs, gradients, harmless on what is clean."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaximg import correct, degrade
from jaximg.correct import classical, network, repair, tiles
from jaximg.models import estimate
from jaximg.models.restorer import coarseness
from jaximg.models.weights import RESTORERS, read_weights, write_weights


def level(hw: tuple[int, int], value: float) -> np.ndarray:
    return np.full((*hw, 1), value, np.float32)


def smooth_picture(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 20
    return (0.5 + 0.3 * np.stack([np.sin(y + x), np.cos(x), np.sin(y)], -1)).astype(np.float32)


@pytest.mark.parametrize("hw", [(50, 300), (271, 40)])
def test_squares_give_what_the_whole_frame_gives(hw, monkeypatch):
    monkeypatch.setattr(network, "SIDES", (256,))
    net, params = correct.load("denoise_color")
    x = smooth_picture(*hw) + 0.1 * np.random.default_rng(0).standard_normal((*hw, 3)).astype(np.float32)
    maps = x, level(hw, 0.1), level(hw, 0.02)
    whole = net.apply({"params": params}, 0.9 * x[None], *(m[None] for m in maps))
    np.testing.assert_allclose(network.restore("denoise_color", 0.9 * x, *maps), whole[0], atol=1e-4)


@pytest.mark.parametrize("damage", ["noise", pytest.param("jpeg", marks=pytest.mark.slow)])
def test_a_very_large_picture_is_repaired_part_by_part_as_if_it_were_not(damage, monkeypatch):
    clean = smooth_picture(60, 470)
    if damage == "noise":
        x = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
        report = correct.Report(noise_sigma=0.1, noise_confidence=1.0)
    else:
        x, report = degrade.jpeg_real(clean, 10), correct.Report(jpeg_quality=10, jpeg_confidence=1.0)
    before, whole = x.copy(), correct.correct(x, report=report)
    assert np.abs(whole - x).max() > 0.02
    monkeypatch.setattr(tiles, "LARGE", 0)
    monkeypatch.setattr(repair, "WIDE", {3: 192 + 2 * repair.RIM[3]})
    ours = x.copy()
    assert correct.correct(ours, report=report, donate=True) is ours
    np.testing.assert_allclose(ours, whole, atol=1e-4)
    half = correct.correct(x, report=report, donate=True, strength=0.5)  # needs the picture to the end
    np.testing.assert_allclose(half, (x + whole) / 2, atol=5e-5)
    assert (x == before).all()


@pytest.mark.parametrize("size", [(70, 90), (32, 33), (31, 100)])
@pytest.mark.parametrize("donate", [False, True])
def test_parts_are_the_whole_also_where_the_answer_is_written_over_the_picture(size, donate, rng, monkeypatch):
    x = rng.random((*size, 3), np.float32)
    blur = partial(ndimage.uniform_filter, size=(17, 17, 1))
    want = blur(x)
    monkeypatch.setattr(tiles, "LARGE", 0)
    out = tiles.in_parts(blur, x, rim=16, side=32, donate=donate)
    np.testing.assert_allclose(out, want, atol=1e-6)
    assert (out is x) == donate
    x.flags.writeable = False
    assert tiles.in_parts(blur, x, rim=16, side=32, donate=donate) is not x


def test_fifty_sizes_compile_at_most_three_programs(monkeypatch):
    monkeypatch.setattr(network, "SIDES", (32, 48, 64))
    monkeypatch.setattr(type(correct.load("denoise_color")[0]), "reach", 16)
    before = network._program()._cache_size()
    for n in range(50):
        x = smooth_picture(20 + n, 60 - n)
        network.restore("denoise_color", x, x, level(x.shape[:2], 0.1), level(x.shape[:2], 0.0))
    assert 1 <= network._program()._cache_size() - before <= 3


def test_the_colour_network_removes_noise_and_blocks():
    clean = smooth_picture(96, 96)
    noisy = np.asarray(degrade.gaussian_noise(jax.random.key(0), clean, sigma=0.1))
    coded = degrade.jpeg_real(clean, 10)
    zero = level((96, 96), 0.0)
    for damaged, begun, maps in (
        (noisy, estimate.denoised(noisy, 0.1), (level((96, 96), 0.1), zero)),
        (coded, estimate.deblocked(coded, 10), (zero, level((96, 96), float(coarseness(10.0))))),
    ):
        out = network.restore("denoise_color", np.asarray(begun), damaged, *maps)
        left, handed, before = (np.mean((np.asarray(x) - clean) ** 2) for x in (out, begun, damaged))
        assert left < min(0.9 * handed, 0.6 * before)


def test_a_grey_picture_is_answered_twice_the_second_time_better(rng):
    y, x = np.mgrid[:64, :64]
    clean = (0.2 + 0.6 * (np.sin(0.8 * x + 0.4 * y) > 0))[..., None].astype(np.float32)
    noisy = clean + 0.1 * rng.standard_normal(clean.shape, np.float32)
    net, params = correct.load("denoise_gray")
    told = level((64, 64), 0.1)[None], level((64, 64), 0.0)[None]

    @jax.jit
    def answer(begun, noisy, first):
        return net.apply({"params": params}, begun[None], noisy[None], first[None], *told)[0]

    begun = classical.estimate(noisy, 0.1)
    turned, seen = (np.rot90(x) for x in (begun, noisy))
    first = np.rot90(answer(turned, seen, turned), -1)
    second = answer(jax.jit(estimate.alike)(noisy, first, 0.1), noisy, first)
    report = correct.Report(noise_sigma=0.1, noise_confidence=1.0)
    np.testing.assert_allclose(correct.correct(noisy, report=report, only="denoise"), second, atol=1e-4)
    assert np.mean((second - clean) ** 2) < 0.7 * np.mean((first - clean) ** 2)


@pytest.mark.parametrize(
    "begun",
    [pytest.param(lambda x, level: x - level, id="plain"), pytest.param(estimate.denoised, marks=pytest.mark.slow)],
)
def test_a_network_can_be_differentiated_inside_another_pipeline(begun):
    net, params = correct.load("denoise_color")
    x = jnp.asarray(smooth_picture(16, 16))[None]

    @jax.jit
    @jax.value_and_grad
    def answer(noise):
        maps = jnp.full((1, 16, 16, 1), noise), jnp.zeros((1, 16, 16, 1))
        return jnp.mean((net.apply({"params": params}, begun(x, maps[0]), x, *maps) - 0.5) ** 2)

    less, more = (answer(noise)[0] for noise in (0.099, 0.101))
    np.testing.assert_allclose(answer(0.1)[1], (more - less) / 0.002, rtol=0.15)  # blocks regroup


def test_an_ensemble_answers_alike_however_the_picture_lies():
    x = smooth_picture(40, 56)[..., :1]
    known = (np.random.default_rng(0).random((40, 56, 1)) > 0.5).astype(np.float32)

    def answer(view, ensemble):
        start = network._seen(x * known, *view), network._seen(known, *view)
        return network._seen_back(network.restore("inpaint", *start, ensemble=ensemble), *view)

    ways = [answer(view, False) for view in network.VIEWS]
    np.testing.assert_allclose(answer((0, False), True), np.mean(ways, 0), atol=1e-5)
    np.testing.assert_allclose(answer((1, True), True), np.mean(ways, 0), atol=1e-5)
    assert len({way.tobytes() for way in ways}) == 8


def test_correct_hands_the_ensemble_on_to_its_networks():
    clean = smooth_picture(64, 64)
    known = (np.random.default_rng(1).random((64, 64, 1)) > 0.8).astype(np.float32)
    one, eight = (correct.correct(clean * known, mask=known, only="inpaint", ensemble=e) for e in (False, True))
    assert not np.array_equal(one, eight)
    assert np.mean((eight - clean) ** 2) < 1.02 * np.mean((one - clean) ** 2)
    np.testing.assert_array_equal(eight[known[..., 0] == 1], clean[known[..., 0] == 1])


def test_an_unknown_network_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="denoise_color"):
        correct.load("no such thing")


def test_every_network_has_its_card():
    for name in network.names():
        card = (RESTORERS / f"{name}.md").read_text()
        for word in ("Data", "Training", "Figures", "Limits"):
            assert f"## {word}" in card


def test_weights_survive_a_file(tmp_path):
    net, params = correct.load("denoise_color")
    path = tmp_path / "copy.npz"
    write_weights(path, {"params": params}, model="restorer", features=[32, 64, 128], blocks=2)
    again, variables = read_weights(path)
    assert again == net
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(variables["params"]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_that_half_precision_cannot_hold_are_refused(tmp_path):
    with pytest.raises(ValueError, match="float16"):
        write_weights(tmp_path / "x.npz", {"params": {"a": np.array([1e9])}}, model="restorer")
    assert not list(tmp_path.iterdir())


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no weights"):
        read_weights(tmp_path / "x.npz")
