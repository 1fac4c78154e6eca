"""A narrow convolutional GAN on the 5,000 digits, a few steps: to see that all works.

    jaximg train dcgan_digits_quick

time: a few seconds
expect: grey blots where digits will be
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="dcgan_generator",
    discriminator="dcgan_discriminator",
    generator_options={"features": (16, 8)},
    discriminator_options={"features": (8, 16)},
    latent=16,
    loss="nonsaturating",
    steps=40,
    batch=32,
    log_every=20,
    sample_every=20,
    save_every=20,
    samples=200,
    optimizer=Optimizer(learning_rate=1e-3, beta1=0.0, beta2=0.99),
    ema=0.9,
)
