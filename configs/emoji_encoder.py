"""Features of small coloured pictures without labels: every picture is told from all others, however it is changed.

What it has learned to look at measures a GAN of the same pictures: `--set judge=RUN` of the config emoji.

    jaximg train emoji_encoder --data DIR                 # a folder of pictures, such as Noto's emoji

time: ten minutes of one core
expect: of 3,583 emoji, unchanged ones, it knows 65 %
"""

from jaximg.train.config import Classifier, Optimizer

config = Classifier(
    data="emoji",
    size=32,
    model="cnn",
    options={"features": (32, 64, 128), "hidden": (128,)},
    policy="flip,translate,scale,rotate,brightness,contrast,saturation,cutout",
    instances=True,
    steps=4000,
    batch=128,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", warmup=100),
    ema=0.998,
    log_every=200,
    save_every=1000,
)
