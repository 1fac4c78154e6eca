"""The article's CNN on Fashion-MNIST: clothes in ten classes, 60,000 to train on and 10,000 to test.

    jaximg train cnn_fashion                              # downloads it, or finds Debian's dataset-fashion-mnist
    jaximg train cnn_fashion --data DIR                   # a folder with its idx files

time: two minutes on two cores (ten epochs)
expect: 90.7 % of the 10,000 test pictures
"""

from jaximg.train.config import Classifier, Optimizer

config = Classifier(
    data="fashion_mnist",
    model="cnn",
    options={"dropout": 0.3},
    steps=4690,
    batch=128,
    optimizer=Optimizer(learning_rate=1e-3, schedule="cosine", warmup=100),
    ema=0.999,
    evaluate_every=469,
    save_every=469,
)
