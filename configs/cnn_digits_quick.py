"""A narrow CNN on the 5,000 digits, two epochs: to see that all works.

    jaximg train cnn_digits_quick

time: a few seconds
expect: 85 % of the 1,000 held out
"""

from jaximg.train.config import Classifier, Optimizer

config = Classifier(
    model="cnn",
    options={"features": (8, 16), "hidden": (32,)},
    steps=60,
    batch=128,
    log_every=20,
    save_every=30,
    optimizer=Optimizer(learning_rate=3e-3, schedule="cosine"),
)
