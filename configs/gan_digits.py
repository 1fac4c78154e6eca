"""The article's GAN, dense layers alone, on handwritten digits: relativistic, with R1 and R2, and averaged weights.

    jaximg train gan_digits
    jaximg train gan_digits --data DIR                    # all of MNIST from a folder of its files

time: twelve minutes on two cores
expect: digits of all ten classes, each at least 2 % of 10,000 samples; a little noise round the strokes
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="mlp_generator",
    discriminator="mlp_discriminator",
    latent=64,
    loss="relativistic",
    r1=1.0,
    r2=1.0,
    steps=16_000,
    batch=64,
    optimizer=Optimizer(learning_rate=3e-4, schedule="cosine", final=0.1, beta1=0.0, beta2=0.99),
    ema=0.999,
    log_every=200,
    sample_every=1000,
    evaluate_every=4000,
    save_every=2000,
)
