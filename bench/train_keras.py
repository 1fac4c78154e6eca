"""The networks of bench.train in Keras, a process of its own: `PYTHON bench/train_keras.py cnn|gan|u-net`.

TensorFlow's and our environment needn't agree. Each line on the standard input is a number of steps; the answer is a
line of so many times in seconds, those of the steps after one that isn't timed. The first line says what it is.
"""

import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}

import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from typing import Any  # noqa: E402

import keras  # noqa: E402  # pyright: ignore[reportMissingImports]
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402  # pyright: ignore[reportMissingImports]

LAYERS = keras.layers
Step = Callable[[], Any]


def cnn() -> Step:
    """The CNN's step."""
    rng = np.random.default_rng(0)
    image, label = tf.constant(rng.random((128, 28, 28, 1), np.float32)), tf.constant(rng.integers(0, 10, 128))
    net = keras.Sequential(
        [
            LAYERS.Input((28, 28, 1)),
            LAYERS.Conv2D(32, 3, activation="relu"),
            LAYERS.MaxPool2D(),
            LAYERS.Conv2D(64, 3, activation="relu"),
            LAYERS.MaxPool2D(),
            LAYERS.Conv2D(64, 3, activation="relu"),
            LAYERS.Flatten(),
            LAYERS.Dense(64, activation="relu"),
            LAYERS.Dense(10),
        ]
    )
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _descent(net, lambda: entropy(label, net(image, training=True)))


def gan() -> Step:
    """The dense GAN's step: discriminator, then generator, each down its own loss."""
    real = tf.constant(np.random.default_rng(0).random((128, 784), np.float32)) * 2 - 1
    make = keras.Sequential([*_dense(100, (256, 512, 1024), 0.8), LAYERS.Dense(784, activation="tanh")])
    judge = keras.Sequential([*_dense(784, (512, 256), 0.99), LAYERS.Dense(1)])
    adams = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]
    for adam, net in zip(adams, (make, judge), strict=True):
        adam.build(net.trainable_variables)
    softplus = tf.nn.softplus

    @tf.function
    def step():
        fake = make(tf.random.normal((128, 100)), training=True)
        with tf.GradientTape() as tape:
            on_real, on_fake = judge(real, training=True), judge(fake, training=True)
            loss_d = tf.reduce_mean(softplus(-on_real) + softplus(on_fake))
        adams[1].apply(tape.gradient(loss_d, judge.trainable_variables), judge.trainable_variables)
        with tf.GradientTape() as tape:
            fake = make(tf.random.normal((128, 100)), training=True)
            loss_g = tf.reduce_mean(softplus(-judge(fake, training=True)))
        adams[0].apply(tape.gradient(loss_g, make.trainable_variables), make.trainable_variables)
        return loss_d + loss_g

    return step


def unet(features: Sequence[int] = (32, 64, 128), blocks: int = 2) -> Step:
    """The restorer's step."""
    rng = np.random.default_rng(0)
    clean = tf.constant(rng.random((16, 64, 64, 3), np.float32))
    noise = tf.constant(0.1 * rng.standard_normal((1, 64, 64, 3)).astype(np.float32))
    level = tf.fill((16, 64, 64, 1), 0.1)

    def conv(x: Any, width: int, size: int = 3) -> Any:
        return LAYERS.Conv2D(width, size, padding="same", use_bias=False)(x)

    def residual(x: Any, width: int) -> Any:
        return x + conv(LAYERS.ReLU()(conv(x, width)), width)

    def down(x: Any, number: int) -> Any:
        width = features[number]
        for _ in range(blocks):
            x = residual(x, width)
        if number + 1 == len(features):
            return x
        below = down(conv(_to_depth(x), features[number + 1], 1), number + 1)
        x = x + _to_space(conv(below, 4 * width, 1))
        for _ in range(blocks):
            x = residual(x, width)
        return x

    given = LAYERS.Input((64, 64, 4))
    made = _to_space(conv(down(conv(_to_depth(given), features[0]), 0), 12))
    net = keras.Model(given, given[..., :3] + made)

    def loss() -> Any:
        return tf.reduce_mean(tf.abs(net(tf.concat([clean + noise, level], -1), training=True) - clean))

    return _descent(net, loss)


def _to_depth(x: Any) -> Any:
    return LAYERS.Lambda(lambda y: tf.nn.space_to_depth(y, 2))(x)


def _to_space(x: Any) -> Any:
    return LAYERS.Lambda(lambda y: tf.nn.depth_to_space(y, 2))(x)


def _dense(inputs: int, widths: Sequence[int], momentum: float) -> list[Any]:
    layers: list[Any] = [LAYERS.Input((inputs,))]
    for width in widths:
        layers += [LAYERS.Dense(width, activation="relu"), LAYERS.BatchNormalization(momentum=momentum)]
    return layers


def _descent(net: Any, loss: Callable[[], Any]) -> Step:
    adam = keras.optimizers.Adam(1e-3)
    adam.build(net.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss()
        adam.apply(tape.gradient(value, net.trainable_variables), net.trainable_variables)
        return value

    return step


def main(name: str, threads: int = 2) -> None:
    """Takes steps and tells their times until its input ends."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    step = {"cnn": cnn, "gan": gan, "u-net": unet}[name]()
    for _ in range(3):
        float(step())
    print(f"Keras {keras.__version__}, TensorFlow {tf.__version__}", flush=True)
    for line in sys.stdin:
        float(step())
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            float(step())
            times.append(time.perf_counter() - begin)
        print(*times, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
