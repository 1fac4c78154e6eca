"""A small U-Net that gives the log odds of each pixel to be scratched: what `jaximg correct` ships.

    jaximg train scratches --data DIR                 # a folder of photographs, the larger the better

time: an hour on two cores for these steps
expect: the maps that it draws beside the true ones in fakesNNNNNN.png; test/psnr is that of the maps
"""

from jaximg.train.config import Optimizer, Restoration

config = Restoration(
    recipe="scratches",
    loss="logistic",
    options={"features": (16, 32, 64)},
    size=96,
    batch=8,
    steps=20_000,
    optimizer=Optimizer(name="muon", learning_rate=4e-3, schedule="cosine", warmup=200, beta1=0.95, beta2=0.99),
)
