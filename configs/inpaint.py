"""A compact U-Net that fills lines, letters and scattered missing pixels, of one channel: what `jaximg correct` ships.

    jaximg train inpaint --data DIR                 # a folder of photographs, the larger the better

time: three hours on two cores for these steps; a day brings some tenths of a dB
expect: test/psnr one to two dB above test/psnr_damaged, which is that of a smooth fill
"""

from jaximg.train.config import Optimizer, Restoration

config = Restoration(
    recipe="inpaint",
    options={"fills": True},
    size=64,
    batch=16,
    steps=60_000,
    optimizer=Optimizer(learning_rate=1.2e-3, schedule="cosine", warmup=300, final=0.01, beta2=0.99, clip=0.5),
    ema=0.998,
    holdout=0.14,
    log_every=100,
    evaluate_every=2000,
    sample_every=2000,
    save_every=1000,
)
