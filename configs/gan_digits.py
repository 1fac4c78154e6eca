"""The article's GAN, dense layers alone, on handwritten digits: relativistic, with R1 and R2, and averaged weights.

The discriminator has no batch norm, which would couple the pictures whose gradients R1 and R2 hold small; the ReLUs
leak. `--set loss=nonsaturating r1=0 r2=0 discriminator_options={} generator_options={}` is the article's own.

    jaximg train gan_digits
    jaximg train gan_digits --data DIR                    # all of MNIST from a folder of its files

time: eleven minutes on two cores that had other work besides
expect: noisy digits of all classes. On all of MNIST, of 10,000 samples 9.3 % are of the rarest digit, 11.8 % of the
  most frequent; Frechet classifier distance 5.0 (0.55 between real pictures), precision 0.73 (0.88), recall 0.75 (0.86)
"""

from jaximg.train.config import Gan, Optimizer

config = Gan(
    generator="mlp_generator",
    discriminator="mlp_discriminator",
    generator_options={"slope": 0.2},
    discriminator_options={"slope": 0.2, "batch_norm": False},
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
