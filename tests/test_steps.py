"""What one step does: each option against a few lines that do the same by hand."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaximg.models import CNN, DCDiscriminator, DCGenerator, MLPDiscriminator, MLPGenerator
from jaximg.train import losses
from jaximg.train.state import init_classifier_state, init_gan_state, init_restoration_state, pack, unpack
from jaximg.train.steps import make_classifier_step, make_gan_step, make_restoration_step, make_sampler
from jaximg.train.update import keys_of, latents, named

TX = optax.sgd(0.1)
KEY = jax.random.key(0)


def batch(n=8, side=8):
    rng = np.random.default_rng(0)
    return {
        "image": jnp.asarray(rng.integers(0, 256, (n, side, side, 1), dtype=np.uint8)),
        "label": jnp.asarray(rng.integers(0, 10, n), jnp.int32),
        "index": jnp.arange(100, 100 + n, dtype=jnp.int32),
    }


class Linear(nn.Module):
    """The smallest classifier."""

    @nn.compact
    def __call__(self, image):
        return nn.Dense(10)(image.reshape(image.shape[0], -1))


def classify(model=None, **options):
    model = Linear() if model is None else model
    ema = "ema" in options
    state = init_classifier_state(model, TX, KEY, batch()["image"], ema=ema)
    return state, jax.jit(make_classifier_step(model, TX, **options))


def assert_near(a, b, atol=1e-6):
    jax.tree.map(partial(np.testing.assert_allclose, atol=atol), pack(a), pack(b))


def test_a_step_is_the_optimizer_on_the_gradient_of_cross_entropy():
    state, step = classify(ema=0.75)
    b = batch()

    def loss(params):
        logits = Linear().apply({"params": params}, b["image"].astype(jnp.float32) / 255.0)
        return jnp.mean(losses.cross_entropy(logits, b["label"]))

    value, grads = jax.value_and_grad(loss)(state.params)
    new, metrics = step(state, b)
    want = jax.tree.map(lambda p, g: p - 0.1 * g, state.params, grads)
    assert_near(new.params, want)
    assert_near(new.ema, jax.tree.map(lambda old, now: 0.75 * old + 0.25 * now, state.params, want))
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)
    np.testing.assert_allclose(metrics["grad_norm"], optax.tree.norm(grads), rtol=1e-5)
    assert (
        int(new.step) == 1
        and metrics["finite"] == 1.0
        and {x.dtype for x in metrics.values()} == {jnp.dtype("float32")}
    )


def test_accumulated_and_rematerialised_gradients_are_the_whole_batch_s():
    state, step = classify()
    want, metrics = step(state, batch())
    got, same = classify(accumulate=4, remat=True)[1](state, batch())
    assert_near(got, want)
    assert_near(same, metrics, atol=1e-5)
    with pytest.raises(ValueError, match="3 equal parts"):
        classify(accumulate=3)[1](state, batch())


def test_a_step_that_is_not_finite_can_leave_the_state_alone():
    state, step = classify(skip_nonfinite=True, ema=0.5)
    bad = batch() | {"image": jnp.full((8, 8, 8, 1), jnp.nan)}
    new, metrics = step(state, bad)
    assert metrics["finite"] == 0.0
    assert_near(new.replace(step=state.step), state, atol=0)
    new, metrics = classify(ema=0.5)[1](state, bad)
    assert metrics["finite"] == 0.0 and not np.isfinite(jax.tree.leaves(new.params)[0]).any()


def test_parameters_rest_in_float32_while_the_network_computes_in_bfloat16():
    model = CNN((4,), (8,), batch_norm=True)
    state, step = classify(model, compute_dtype=jnp.bfloat16)
    text = str(jax.make_jaxpr(step)(state, batch()))
    assert "bf16[8,6,6,4]" in text
    new, metrics = step(state, batch())
    assert jax.tree.map(lambda x: x.dtype, new) == jax.tree.map(lambda x: x.dtype, state)
    want = jax.jit(make_classifier_step(model, TX))(state, batch())[1]["loss"]
    assert 0 < abs(float(metrics["loss"] - want)) < 0.05


def test_randomness_hangs_on_the_example_s_index_and_the_step():
    noise = lambda key, image: image + jax.random.normal(key, image.shape)  # noqa: E731
    state, step = classify(augment=noise)
    turned = {k: v[::-1] for k, v in batch().items()}
    first, shuffled = step(state, batch())[0], step(state, turned)[0]
    assert_near(first, shuffled, atol=1e-5)
    other = step(state.replace(step=state.step + 1), batch())[0]
    assert not np.allclose(jax.tree.leaves(other.params)[0], jax.tree.leaves(first.params)[0], atol=1e-4)


def test_restoration_damages_inside_the_step_and_learns_to_undo_it():
    class Level(nn.Module):
        @nn.compact
        def __call__(self, image, sigma):
            return image * self.param("gain", nn.initializers.zeros, ()) + 0.0 * sigma

    def damage(key, clean):
        noisy = clean + 0.1 * jax.random.normal(key, clean.shape)
        return (noisy, jnp.full_like(clean, 0.1)), clean

    clean = batch()["image"].astype(jnp.float32) / 255.0
    example = jax.eval_shape(damage, KEY, clean)[0]
    state = init_restoration_state(Level(), TX, KEY, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), example))
    step = jax.jit(make_restoration_step(Level(), TX, damage=damage, loss=losses.squared))
    values = []
    for _ in range(60):
        state, metrics = step(state, {"image": clean})
        values.append(float(metrics["psnr"]))
    energy = float(jnp.mean(jnp.square(clean)))
    np.testing.assert_allclose(state.params["gain"], energy / (energy + 0.01), atol=0.02)  # Wiener's answer
    assert values[-1] > values[0] + 5
    whole = jax.jit(make_restoration_step(Level(), TX, damage=damage, each=False))
    assert np.isfinite(whole(state, {"image": clean})[1]["loss"])


def test_a_relative_loss_weighs_faint_and_strong_damage_alike():
    class Gain(nn.Module):
        @nn.compact
        def __call__(self, image):
            return image * self.param("gain", nn.initializers.constant(0.9), ())

    def damage(key, clean):
        return (jnp.array([0.01, 0.5])[:, None, None, None] + clean,), clean

    clean = jnp.zeros((2, 8, 8, 1))
    state = init_restoration_state(Gain(), TX, KEY, (clean,))
    step = make_restoration_step(Gain(), TX, damage=damage, loss=losses.squared, relative=True, each=False)
    each = [2 * np.log(1 + (0.9 * x) ** 2 / (2 * (x**2 + 1e-5))) for x in (0.01, 0.5)]
    np.testing.assert_allclose(jax.jit(step)(state, {"image": clean})[1]["loss"], np.mean(each), rtol=1e-5)


def adversarial(generator, discriminator, **options):
    state = init_gan_state(generator, discriminator, TX, TX, KEY, batch()["image"], latent=3, ema=True)
    return state, make_gan_step(generator, discriminator, TX, TX, latent=3, **options)


@pytest.mark.parametrize(
    "weights", [{}, {"r1": 1.0, "r2": 0.5}, {"gradient_penalty": 10.0}], ids=["none", "r1r2", "gp"]
)
def test_each_network_of_a_gan_goes_down_its_own_loss(weights):
    nets = MLPGenerator((8, 8, 1), (6,), batch_norm=False), MLPDiscriminator((6,), batch_norm=False)
    state, step = adversarial(*nets, ema=0.0, **weights)
    new, metrics = jax.jit(step)(state, batch())
    real, index = batch()["image"].astype(jnp.float32) / 127.5 - 1.0, batch()["index"]
    keys = {name: named(jax.random.fold_in(state.key, state.step), name) for name in state.params}

    def made(params, key):
        return nets[0].apply({"params": params}, latents(key, index, 3))

    def judged(params, x):
        return nets[1].apply({"params": params}, x).reshape(-1)

    def loss_d(params):
        scores, fake = partial(judged, params), made(state.params["generator"], keys["discriminator"])
        mix = losses.uniform_mix(keys_of(keys["discriminator"], "mix", index))
        found = {
            "loss_d": jnp.mean(jax.nn.softplus(-scores(real)) + jax.nn.softplus(scores(fake))),
            "r1": jnp.mean(losses.r1(scores, real)),
            "r2": jnp.mean(losses.r2(scores, fake)),
            "gradient_penalty": jnp.mean(losses.gradient_penalty(scores, real, fake, mix)),
        }
        return found["loss_d"] + sum(weights[name] * found[name] for name in weights), found

    def loss_g(params):
        return jnp.mean(jax.nn.softplus(-judged(new.params["discriminator"], made(params, keys["generator"]))))

    def down(params, gradient):
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)

    gradient, found = jax.grad(loss_d, has_aux=True)(state.params["discriminator"])
    assert_near(new.params["discriminator"], down(state.params["discriminator"], gradient))
    assert_near(new.params["generator"], down(state.params["generator"], jax.grad(loss_g)(state.params["generator"])))
    assert_near(new.ema["generator"], new.params["generator"], atol=0)
    for name in ("loss_d", *weights):
        np.testing.assert_allclose(metrics[name], found[name], rtol=1e-4)


def test_a_gan_accumulates_over_parts_of_the_batch_whose_statistics_its_batch_norms_see():
    nets = MLPGenerator((8, 8, 1), (4,)), MLPDiscriminator((4,))
    state, step = adversarial(*nets)
    half = {name: x[:4] for name, x in batch().items()}
    twice = {name: jnp.repeat(x, 2, 0) for name, x in half.items()}  # parts are every other example: two of a kind
    want, metrics = jax.jit(step)(state, half)
    got, same = jax.jit(adversarial(*nets, accumulate=2)[1])(state, twice)
    assert_near(got.params, want.params)
    assert_near(same, metrics, atol=1e-5)


def test_one_pass_over_reals_and_fakes_gives_both_penalties():
    nets = MLPGenerator((8, 8, 1), (6,)), DCDiscriminator((4,))
    options = dict(loss="relativistic", r1=lambda step: jnp.float32(0.5), r2=0.25, gradient_penalty=10.0)
    state, step = adversarial(*nets, **options)
    new, metrics = jax.jit(step)(state, batch())
    real = batch()["image"].astype(jnp.float32) / 127.5 - 1.0

    def scores(x):
        return nets[1].apply({"params": state.params["discriminator"]}, x)

    np.testing.assert_allclose(metrics["r1"], losses.r1(scores, real).mean(), rtol=1e-4)
    assert {"r2", "gradient_penalty", "margin", "sign"} <= metrics.keys() and metrics["finite"] == 1.0
    moved = jax.tree.leaves(new.params["generator"])[0] - jax.tree.leaves(state.params["generator"])[0]
    assert np.abs(moved).max() > 0


def test_penalties_on_batch_norm_and_unknown_losses_are_refused():
    nets = MLPGenerator((8, 8, 1), (4,)), MLPDiscriminator((4,), batch_norm=True)
    state, step = adversarial(*nets, r1=1.0)
    with pytest.raises(ValueError, match="without batch norm"):
        jax.eval_shape(step, state, batch())
    with pytest.raises(ValueError, match="relativistic"):
        adversarial(*nets, loss="vanilla")
    assert jax.eval_shape(adversarial(*nets)[1], state, batch())[1]["loss_d"].shape == ()


def test_augmentation_of_a_gan_follows_the_strength_in_the_state():
    nets = MLPGenerator((8, 8, 1), (4,)), MLPDiscriminator((4,), batch_norm=False)

    def fade(key, image, strength):
        return image * (1.0 - strength)

    state, step = adversarial(*nets, augment=fade, schedule=lambda aux, m: {"strength": aux["strength"] * 0.5})
    state = state.replace(aux={"strength": jnp.float32(1.0)})
    new, metrics = jax.jit(step)(state, batch())
    assert metrics["margin"] == 0.0 and new.aux["strength"] == 0.5


def test_samples_are_in_the_unit_range_and_each_its_own():
    net = DCGenerator((8, 8, 1), (4,))
    z = jax.random.normal(KEY, (4, 3))
    variables = net.init(KEY, z)
    out = make_sampler(net)(variables["params"], variables["batch_stats"], z)
    assert out.shape == (4, 8, 8, 1) and out.min() >= 0 and out.max() <= 1
    assert len(np.unique(np.round(out, 5).reshape(4, -1), axis=0)) == 4


def test_keys_survive_being_packed():
    state, _ = classify()
    back = unpack(jax.tree.map(np.asarray, pack(state)), state)
    assert back.key == state.key and back.key.dtype == state.key.dtype
