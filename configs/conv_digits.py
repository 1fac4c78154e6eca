"""A norm-free residual GAN on handwritten digits, each class to order: relativistic, with R1 and R2, averaged weights.

    jaximg train conv_digits
    jaximg train conv_digits --data DIR                   # all of MNIST from a folder of its files
    jaximg train conv_digits --set conditional=False      # digits of any class

time: about half an hour on two idle cores
expect: not yet measured in full
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
