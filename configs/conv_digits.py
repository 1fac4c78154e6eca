"""A norm-free residual GAN on handwritten digits, each class to order: relativistic, with R1 and R2, averaged weights.

    jaximg train conv_digits
    jaximg train conv_digits --data DIR                   # all of MNIST from a folder of its files
    jaximg train conv_digits --set conditional=False      # digits of any class

time: an hour of one core
expect: with conditional=False, as `conv_digits` was trained that comes with jaximg, 10,000 samples at a Frechet
  distance of 0.95 from MNIST (0.55 between real pictures), precision 0.87, recall 0.63
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="conv_generator",
    discriminator="conv_discriminator",
    conditional=True,
    latent=64,
    loss="relativistic",
    r1=(10.0, 3.0),
    r2=(10.0, 3.0),
    steps=10_000,
    batch=64,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", hold=0.2, final=0.05, beta1=0.0, beta2=(0.9, 0.99)),
    ema_share=0.05,
    log_every=100,
    sample_every=1000,
    evaluate_every=2000,
    save_every=1000,
)
