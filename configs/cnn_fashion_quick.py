"""A narrow CNN on Fashion-MNIST, a few steps: to see that all works.

    jaximg train cnn_fashion_quick
    jaximg train cnn_fashion_quick --data DIR             # a folder with its idx files

time: ten seconds
expect: not yet measured; most of the 10,000
"""

from jaximg.train.config import Classifier, Optimizer

config = Classifier(
    data="fashion_mnist",
    model="cnn",
    options={"features": (8, 16), "hidden": (32,)},
    steps=100,
    batch=128,
    log_every=20,
    optimizer=Optimizer(learning_rate=3e-3, schedule="cosine"),
)
