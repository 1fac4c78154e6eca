"""A compact U-Net that takes noise and JPEG blocks out of grey photographs.

    jaximg train denoise_gray --data DIR                 # a folder of photographs, the larger the better

time: three hours on two cores for these steps; a day brings some tenths of a dB
expect: test/psnr three to four dB above test/psnr_damaged with photographs of 10 megapixels and more
"""

from jaximg.train.config import Optimizer, Restoration

config = Restoration(
    recipe="denoise_gray",
    size=64,
    batch=16,
    steps=60_000,
    optimizer=Optimizer(learning_rate=1.5e-3, schedule="cosine", warmup=300, final=0.01, beta2=0.99, clip=0.5),
    ema=0.998,
    holdout=0.14,
    log_every=100,
    evaluate_every=2000,
    sample_every=2000,
    save_every=1000,
)
