"""Stacked MNIST, the benchmark of mode collapse: three random digits as the channels of one picture, 1000 modes.

    jaximg train stacked_mnist --data DIR                 # a folder with MNIST's files, all 60,000 digits

time: 110 minutes of one core; a batch is worked through in parts that a core's caches hold, which is faster
expect: all 1000 modes among 26,000 samples, KL 0.055; `python -m bench.modes` measures it

What is shipped began with a rate of 1e-3 and 44,000 steps (`--steps 44000 --set optimizer.learning_rate=1e-3`), and
went on as below from step 16,332 (`--force`): at the higher rate it stood at KL 0.55, at this one it fell at once.
It is the checkpoint of step 40,000; the last has KL 0.054, but one draw of five lacks one mode.
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    data="mnist",
    stack=3,
    generator="conv_generator",
    discriminator="conv_discriminator",
    generator_options={"features": (256, 128, 64), "blocks": 1, "dense": 2},
    discriminator_options={"features": (256, 128, 64), "blocks": 1, "dense": 2},
    latent=64,
    loss="relativistic",
    r1=(10.0, 3.0),
    r2=(10.0, 3.0),
    penalise_every=2,
    steps=42_000,
    batch=64,
    optimizer=Optimizer(
        learning_rate=4e-4, schedule="cosine", hold=0.2, final=0.05, beta1=0.0, beta2=(0.9, 0.99), accumulate=4
    ),
    ema_share=0.05,
    log_every=100,
    sample_every=1000,
    evaluate_every=1000,
    save_every=500,
    samples=26_000,
)
