"""Stacked digits of the 5,000 that an installed package brings, narrow networks, a few steps: to see that all works.

    jaximg train stacked_mnist_quick

time: half a minute, most of it compiling
expect: coloured blots where digits will be
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    stack=3,
    generator="conv_generator",
    discriminator="conv_discriminator",
    generator_options={"features": (16, 8), "blocks": 1, "patch": 4},
    discriminator_options={"features": (16, 8), "blocks": 1, "patch": 4},
    latent=16,
    loss="relativistic",
    r1=(10.0, 3.0),
    r2=(10.0, 3.0),
    steps=40,
    batch=32,
    log_every=20,
    sample_every=20,
    save_every=20,
    samples=500,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", hold=0.2, final=0.05, beta1=0.0, beta2=(0.9, 0.99)),
    ema_share=0.05,
)
