"""A narrow GAN on the 5,000 digits, a few steps: to see that all works.

    jaximg train gan_digits_quick

time: a few seconds
expect: clouds of grey where digits will be
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="mlp_generator",
    discriminator="mlp_discriminator",
    generator_options={"features": (32, 64)},
    discriminator_options={"features": (64,), "batch_norm": False},
    latent=16,
    loss="relativistic",
    r1=0.1,
    r2=0.1,
    steps=60,
    batch=64,
    log_every=20,
    sample_every=30,
    save_every=30,
    samples=200,
    optimizer=Optimizer(learning_rate=1e-3, beta1=0.0, beta2=0.99),
    ema=0.9,
)
