"""Clean digits from a GAN that has seen none: AmbientGAN, with the networks of gan_digits.

The data have noise of sigma 0.25 and holes over 30 %; samples get the same before the discriminator compares them.

`spoil` damages clean digits first, to try it; leave it out (`--set spoil={}`) for pictures that are damaged already.
`--set damage={}` is a plain GAN on the same data, which learns to draw the damage.

    jaximg train ambient_digits
    jaximg train ambient_digits --data DIR                # all of MNIST from a folder of its files

time: twelve minutes of one core
expect: on all of MNIST, Frechet distance 25 to clean test digits (a plain GAN's: 152; the damaged data's: 112)
"""

from jaximg.train.config import Gan, Optimizer

DAMAGE = {"noise": 0.25, "holes": 0.3, "count": 4}

config = Gan(
    generator="mlp_generator",
    discriminator="mlp_discriminator",
    generator_options={"slope": 0.2},
    discriminator_options={"slope": 0.2, "batch_norm": False},
    latent=64,
    loss="relativistic",
    r1=1.0,
    r2=1.0,
    damage=DAMAGE,
    spoil=DAMAGE,
    steps=16_000,
    batch=64,
    optimizer=Optimizer(learning_rate=3e-4, schedule="cosine", final=0.1, beta1=0.0, beta2=0.99),
    ema=0.999,
    log_every=100,
    sample_every=2000,
    evaluate_every=1000,
    save_every=1000,
)
