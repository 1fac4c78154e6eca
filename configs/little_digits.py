"""Thirty digits of each class and no more, by a GAN whose discriminator sees them changed as much as it overfits (ADA).

Digits must not be flipped, so the changes are moves, small turns, scales, light, contrast, cutouts and noise.
`--set augment=` trains without; `--set augment=diffaugment` with a fixed policy.

    jaximg train little_digits
    jaximg train little_digits --data DIR                 # the first thirty of each class of MNIST

time: not yet measured
expect: not yet measured
"""

from jaximg.train.config import Gan, Optimizer

NETWORK = {"features": (64, 48), "patch": 4}

config = Gan(
    generator="conv_generator",
    discriminator="conv_discriminator",
    generator_options=NETWORK,
    discriminator_options=NETWORK,
    latent=64,
    loss="relativistic",
    r1=1.0,
    r2=1.0,
    per_class=30,
    augment="ada",
    target=0.4,
    augment_images=30_000,
    steps=6000,
    batch=32,
    optimizer=Optimizer(learning_rate=5e-4, beta1=0.0, beta2=0.99),
    ema=0.998,
    log_every=100,
    sample_every=1000,
    evaluate_every=500,
    save_every=500,
)
