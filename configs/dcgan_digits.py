"""A small convolutional GAN on handwritten digits: relativistic, with R1 and R2, and averaged weights.

    jaximg train dcgan_digits
    jaximg train dcgan_digits --data DIR                  # all of MNIST from a folder of its files

time: twelve minutes on two cores
expect: clean digits of all ten classes, each at least 2 % of 10,000 samples
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="dcgan_generator",
    discriminator="dcgan_discriminator",
    generator_options={"features": (64, 32)},
    discriminator_options={"features": (32, 64)},
    latent=64,
    loss="relativistic",
    r1=3.0,
    r2=3.0,
    steps=10_000,
    batch=64,
    optimizer=Optimizer(learning_rate=5e-4, schedule="cosine", final=0.1, beta1=0.0, beta2=0.99),
    ema=0.998,
    log_every=100,
    sample_every=1000,
    evaluate_every=2000,
    save_every=1000,
)
