"""A compact U-Net that takes noise out of grey photographs, looking twice: the second time at what is alike in them.

    jaximg train denoise_gray --data DIR                 # a folder of photographs, the larger the better

time: four hours on two cores for these steps; a day brings some tenths of a dB
expect: test/psnr two to four dB above test/psnr_damaged with photographs of 10 megapixels and more
"""

from jaximg.train.config import Optimizer, Restoration

config = Restoration(
    recipe="denoise_gray",
    options={"blocks": 3},
    loss="squared",
    relative=True,
    size=96,
    batch=8,
    steps=20_000,
    optimizer=Optimizer(name="muon", learning_rate=4e-3, schedule="cosine", warmup=200, beta1=0.95, beta2=0.99),
    ema=0.999,
)
