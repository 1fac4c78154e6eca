"""Emoji at 32 x 32 from a few thousand: the norm-free residual pair in colour, with adaptive augmentation.

Some 2,900 of Noto's 3,583 emoji are trained on; a tenth is held out, and a tenth of the rest tells how much the
discriminator overfits. A measure of the samples needs an encoder of such pictures, trained first:

    jaximg train emoji_encoder --data DIR/emoji72 --workdir ENCODER
    jaximg train emoji --data DIR/emoji72 --set judge=ENCODER --workdir RUN
    python -m bench.emoji --data DIR --encoder ENCODER --run RUN --grid emoji.png

time: two hours of one core
expect: precision 0.70, recall 0.72 of 3,225 samples against the training pictures, in the features of emoji_encoder
"""

from jaximg.train.config import Gan, Optimizer

NET = {"features": (96, 96, 32)}

config = Gan(
    data="emoji",
    size=32,
    holdout=0.1,
    generator="conv_generator",
    discriminator="conv_discriminator",
    generator_options=NET,
    discriminator_options=NET,
    latent=64,
    loss="relativistic",
    r1=(4.0, 0.5),
    r2=(4.0, 0.5),
    steps=20_000,
    batch=64,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", hold=0.2, final=0.05, beta1=0.0, beta2=(0.9, 0.99)),
    ema_share=0.05,
    augment="ada",
    policy="translate,scale,rotate,brightness,contrast,saturation,cutout",
    strongest=0.6,
    judge="",
    samples=2900,
    log_every=100,
    sample_every=1000,
    evaluate_every=2000,
    save_every=500,
)
