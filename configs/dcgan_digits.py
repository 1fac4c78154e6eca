"""A small convolutional GAN on handwritten digits: the classic losses, and averaged weights.

    jaximg train dcgan_digits
    jaximg train dcgan_digits --data DIR                  # all of MNIST from a folder of its files

time: thirteen minutes on two cores that other work shared
expect: on MNIST digits of all ten classes, each at least 6 % of 10,000 samples
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="dcgan_generator",
    discriminator="dcgan_discriminator",
    generator_options={"features": (64, 32)},
    discriminator_options={"features": (32, 64)},
    latent=64,
    loss="nonsaturating",
    steps=9_000,
    batch=64,
    optimizer=Optimizer(learning_rate=3e-4, schedule="cosine", final=0.1, beta1=0.5),
    ema=0.995,
    log_every=100,
    sample_every=1000,
    evaluate_every=3000,
    save_every=1000,
)
