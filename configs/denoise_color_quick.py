"""The colour denoiser, smaller, on photographs that an installed package brings along: to see it learn.

    jaximg train denoise_color_quick

time: a minute on two cores
expect: test/psnr above test/psnr_damaged
"""

from jaximg.train.config import Optimizer, Restoration

config = Restoration(
    recipe="denoise",
    options={"features": (16, 32), "blocks": 1},
    size=32,
    steps=300,
    optimizer=Optimizer(name="muon", learning_rate=4e-3, schedule="cosine", warmup=30, beta1=0.95, beta2=0.99),
    ema=0.98,
    holdout=0.34,
    log_every=50,
)
