"""Clean digits from a GAN that has seen none: AmbientGAN.

The data have noise of sigma 0.25 and holes over 30 %; samples get the same before the discriminator compares them.

`spoil` damages clean digits first, to try it; leave it out (`--set spoil={}`) for pictures that are damaged already.
`--set damage={}` is a plain GAN on the same data, which learns to draw the damage.

    jaximg train ambient_digits
    jaximg train ambient_digits --data DIR                # all of MNIST from a folder of its files

time: about three minutes of one core
expect: after 2,500 steps Frechet distance 75 to clean test digits (a plain GAN's: 141; the damaged data's: 112)
"""

from jaximg.train.config import Gan, Optimizer

DAMAGE = {"noise": 0.25, "holes": 0.3, "count": 4}

config = Gan(
    generator="dcgan_generator",
    discriminator="dcgan_discriminator",
    generator_options={"features": (64, 32)},
    discriminator_options={"features": (32, 64)},
    latent=64,
    loss="nonsaturating",
    damage=DAMAGE,
    spoil=DAMAGE,
    steps=4000,
    batch=32,
    optimizer=Optimizer(learning_rate=3e-4, beta1=0.5),
    ema=0.998,
    log_every=100,
    sample_every=1000,
    evaluate_every=1000,
    save_every=1000,
)
