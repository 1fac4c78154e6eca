"""Augmentation of what a discriminator sees, its strength, and GANs of few or damaged pictures."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaximg.train import ambient, augment, little, tasks
from jaximg.train.check import check
from jaximg.train.config import Classifier, Gan
from jaximg.train.data import Dataset
from jaximg.train.data.few import few, hold_back
from jaximg.train.folder import RunError

RNG = np.random.default_rng(0)
KEYS = jax.random.split(jax.random.key(0), 64)
PICTURE = jnp.asarray(RNG.uniform(-1, 1, (16, 16, 3)).astype(np.float32))


@pytest.fixture(autouse=True, scope="module")
def as_users_have_it():
    """Optax and dm-pix count on JAX's usual promotion of types."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture(scope="module")
def every():
    """All changes at once of a picture at a strength: four results, the sum of their sines, and its gradient."""
    change = jax.vmap(augment.augmentation(augment.NAMES), (0, None, None))

    def total(image: jax.Array, strength: jax.Array) -> tuple[jax.Array, jax.Array]:
        changed = change(KEYS[:4], image, strength)
        return jnp.sum(jnp.sin(changed)), changed

    return jax.jit(jax.value_and_grad(total, has_aux=True))


def test_at_strength_nought_nothing_is_changed(every):
    assert bool(jnp.all(jnp.abs(every(PICTURE, jnp.float32(0))[0][1] - PICTURE) < 1e-6))


def test_strength_is_the_share_of_pictures_that_a_change_is_made_to():
    cut = jax.jit(jax.vmap(augment.augmentation(["noise"]), (0, None, None)))
    changed = jnp.any(cut(jax.random.split(jax.random.key(1), 2000), PICTURE, jnp.float32(0.3)) != PICTURE, (1, 2, 3))
    assert abs(float(changed.mean()) - 0.3) < 0.04


def test_a_picture_that_is_only_moved_keeps_its_values():
    moved = jax.jit(jax.vmap(augment.augmentation(["translate"]), (0, None, None)))(KEYS, PICTURE, jnp.float32(1))
    middle = np.asarray(moved[:, 4:12, 4:12, 0]).ravel()
    values = np.asarray(PICTURE[..., 0]).ravel()
    assert np.abs(middle[:, None] - values).min(1).max() < 1e-6
    assert len(np.unique(np.asarray(moved[:, 8, 8, 0]))) > 10


def test_a_stretch_keeps_areas_and_a_disc_no_disc():
    y, x = np.mgrid[:33, :33] - 16
    disc = jnp.asarray((np.hypot(y, x) < 8).astype(np.float32))[..., None]
    stretched = jax.jit(jax.vmap(augment.augmentation(["stretch"]), (0, None, None)))(KEYS, disc, jnp.float32(1))
    mass = np.asarray(stretched[..., 0])
    np.testing.assert_allclose(mass.sum((1, 2)), float(disc.sum()), rtol=0.03)
    spread = np.array(
        [np.linalg.eigvalsh(np.cov(np.stack([y, x]).reshape(2, -1), aweights=m.ravel().clip(0))) for m in mass]
    )
    longer = np.log(spread[:, 1] / spread[:, 0]) / 4
    assert 0.6 < longer.mean() / (augment.ZOOM * np.sqrt(2 / np.pi)) < 1.4


def test_the_gradient_of_all_changes_is_that_of_finite_differences(every):
    strength, step = jnp.float32(0.9), 1e-2 * jnp.asarray(RNG.standard_normal(PICTURE.shape), jnp.float32)
    slope = float(jnp.sum(every(PICTURE, strength)[1] * step))
    above, below = (float(every(PICTURE + side * step / 2, strength)[0][0]) for side in (1, -1))
    assert slope == pytest.approx(above - below, rel=0.02)


def test_digits_are_never_seen_in_a_mirror():
    assert not any("flip" in policy for policy in little.POLICIES.values())
    with pytest.raises(ValueError, match="choose one of"):
        augment.augmentation(["mirror"])


def test_the_strength_rises_while_unseen_pictures_look_like_fakes_and_falls_while_they_look_real():
    move = augment.adaptive(target=0.5, per_step=0.1, most=0.35)
    aux = {name: jnp.float32(value) for name, value in augment.START.items()}
    strengths = []
    for held in [0.9] * 5 + [0.0] * 60:
        aux = move(aux, {"held_margin": jnp.float32(held), "margin": jnp.float32(1.0)})
        strengths.append(float(aux["strength"]))
    assert strengths[:5] == pytest.approx([0.1, 0.2, 0.3, 0.35, 0.35])
    assert strengths[-1] < 0.35


def test_few_are_so_many_of_each_class_and_some_of_each_are_kept_back():
    labels = np.repeat(np.arange(4), 25)
    whole = Dataset("x", np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1), RNG.permutation(labels))
    some = few(whole, 10)
    assert np.bincount(some.labels).tolist() == [10] * 4
    rest = hold_back(some, 0.2)
    assert rest.held is not None
    assert np.bincount(rest.held.labels).tolist() == [2] * 4
    pixels = [set(part.images.ravel().tolist()) for part in (rest, rest.held)]
    assert not pixels[0] & pixels[1]
    assert pixels[0] | pixels[1] == set(np.asarray(some.images).ravel().tolist())


def test_damage_is_noise_and_holes_of_the_share_asked_for():
    white = jnp.ones((64, 28, 28, 1))
    spoil = jax.vmap(ambient.damage({"noise": 0.1, "holes": 0.3}))
    out = np.asarray(spoil(KEYS, white * 0.5))
    assert np.mean(out == 0) == pytest.approx(0.3, abs=0.02)
    assert out[out > 0].std() == pytest.approx(0.1, abs=0.01)
    with pytest.raises(RunError, match="blur"):
        ambient.damage({"blur": 1})


def test_damaged_data_are_damaged_once_each_picture_its_own_way():
    clean = Dataset("x", np.full((5, 8, 8, 1), 128, np.uint8))
    one, two = (ambient.damaged(clean, {"noise": 0.2}, seed=3, rows=rows).images for rows in (5, 2))
    assert np.array_equal(one, two)
    assert len({picture.tobytes() for picture in np.asarray(one)}) == 5


def settings(**options) -> Gan:
    nets = {"generator_options": {"features": (4,)}, "discriminator_options": {"features": (4,)}}
    names = {"generator": "mlp_generator", "discriminator": "mlp_discriminator"}
    nets["discriminator_options"] |= {"batch_norm": False}
    return Gan(**names, **nets, latent=4, batch=8, judge="", steps=3, per_class=3, **options)


def data() -> Dataset:
    return Dataset("x", RNG.integers(0, 255, (60, 8, 8, 1)).astype(np.uint8), np.arange(60) % 10)


def test_adaptive_augmentation_measures_the_overfitting_and_keeps_its_strength_in_the_state():
    config = settings(augment="ada", target=-1e6, augment_images=80, policy="cutout")
    train = little.training_set(config, data())
    assert (len(train), len(train.held)) == (20, 10)
    task = tasks.task_of(config, train.shape, train.classes, sets=(train, train))
    state, step = jax.jit(task.init)(jax.random.key(0)), jax.jit(task.make_step(None))
    batch = {"image": jnp.asarray(train.images[:8]), "label": jnp.asarray(train.labels[:8], jnp.int32)}
    for _ in range(2):
        state, metrics = step(state, batch)
    assert float(state.aux["strength"]) == pytest.approx(0.2)
    assert float(metrics["strength"]) == pytest.approx(0.2)
    assert {"held_margin", "overfitting"} <= set(metrics)
    with pytest.raises(RunError, match="kept back"):
        little.step_options(config, replace(train, held=None))


def test_an_ambient_gan_damages_its_fakes_and_no_reals():
    config = settings(damage={"holes": 1.0})
    options = little.step_options(config, None)
    assert set(options) == {"damage"}
    assert float(options["damage"](KEYS[0], jnp.ones((8, 8, 1))).max()) == 0
    plain = settings(spoil={"holes": 1.0})
    assert little.step_options(plain, None) == {}
    assert int(np.max(little.training_set(plain, data()).images)) == 0


@pytest.mark.parametrize(("options", "said"), [({"augment": "adaa"}, "ada"), ({"policy": "mirror"}, "policy")])
def test_a_mistaken_policy_is_told(options, said):
    config = settings(**({"augment": "diffaugment"} | options))
    with pytest.raises(RunError, match=said):
        check(config)
        little.step_options(config, None)


def test_pictures_without_labels_are_classes_of_their_own_however_they_are_changed(tmp_path):
    np.savez(tmp_path / "few.npz", x=RNG.integers(0, 255, (6, 12, 12, 3), np.uint8))
    options = {"options": {"features": (4,), "hidden": (8,)}, "policy": "flip,brightness", "instances": True}
    config = Classifier(data=str(tmp_path / "few.npz"), steps=3, batch=6, shift=1, **options)
    train, test = tasks.datasets(config)
    assert (len(train), len(train.classes), train.labels.tolist()) == (6, 6, list(range(6)))
    task = tasks.task_of(config, train.shape, train.classes, sets=(train, test))
    state, step = jax.jit(task.init)(jax.random.key(0)), jax.jit(task.make_step(None))
    batch = {"image": jnp.asarray(train.images), "label": jnp.asarray(train.labels), "index": jnp.arange(6)}
    changed = step(state, batch)[1]["loss"]
    plain = tasks.task_of(replace(config, policy="", shift=0), train.shape, train.classes).make_step(None)
    assert float(changed) != pytest.approx(float(jax.jit(plain)(state, batch)[1]["loss"]))
    with pytest.raises(RunError, match="policy"):
        tasks.task_of(replace(config, policy="mirror"), train.shape, train.classes).make_step(None)
