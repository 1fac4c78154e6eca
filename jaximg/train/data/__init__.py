"""Pictures to train on: read from many formats, put into an order that the seed and the step alone decide.

    digits = data.load("digits")                 # 5,000 digits from an installed package, 4,000 of them to train on
    batch = next(data.batches(digits, 128, seed=0))

`load` knows small digits ("digits"), public sets by name ("mnist", "fashion_mnist", "cifar10"), and paths: MNIST's idx
files, .npz, CIFAR's binary files, ArrayRecord, and folders of pictures.
"""

from jaximg.train.data.batches import batches, indices
from jaximg.train.data.dataset import DataError, Dataset
from jaximg.train.data.few import instances
from jaximg.train.data.load import load
from jaximg.train.data.stacked import stacked

__all__ = ["DataError", "Dataset", "batches", "indices", "instances", "load", "stacked"]
