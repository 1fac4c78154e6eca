"""A small U-Net that maps where a picture is scratched, of one channel: what `jaximg correct` ships.

    jaximg train scratches --data DIR                 # a folder of photographs, the larger the better

time: half an hour on two cores for these steps
expect: the maps that it draws beside the true ones in fakesNNNNNN.png; test/psnr is that of the maps
"""

from jaximg.train.config import Optimizer, Restoration

config = Restoration(
    recipe="scratches",
    loss="squared",
    options={"features": (16, 32, 64)},
    size=96,
    batch=8,
    steps=16_000,
    optimizer=Optimizer(learning_rate=2e-3, schedule="cosine", warmup=300, final=0.01, beta2=0.99, clip=0.5),
)
