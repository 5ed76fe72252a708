"""One training step of TensorFlow (Keras), f32, on the networks of bench/networks, as a graph and compiled by XLA.
Prints one JSON line a result, as bench/main.ts reads them. Arguments: the network, and how (graph, xla); without that,
each in a process of its own, so that its memory is its own. THREADS (default 2) bounds the threads.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

from numbers_of_vanda import integers, uniform

CHECKED = 10
ROUNDS = 5
ROUND_S = 1.5
ROUND = 4


def emit(case, system, value, unit, **more):
    print(json.dumps(dict(case=case, system=system, value=value, unit=unit, better="lower", **more)), flush=True)


def measure(name, way):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf
    from keras import layers as L

    threads = int(os.environ.get("THREADS", "2"))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    cross_entropy = lambda y, p: tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, p))
    square = lambda y, p: tf.reduce_mean(tf.square(y - p))
    adam = lambda: keras.optimizers.Adam(1e-3, epsilon=1e-8)
    momentum = lambda rate: keras.optimizers.SGD(rate, momentum=0.9)

    def mlp(*units):
        return keras.Sequential([*(L.Dense(n, "relu") for n in units[:-1]), L.Dense(units[-1])])

    def cnn():
        return keras.Sequential([L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(),
                                 L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(),
                                 L.Dense(128, "relu"), L.Dense(10)])

    def resnet20():
        # In the order in which they are made: Keras' own list of a functional model's layers goes by depth.
        made = []

        def normalised(x, filters, size, stride):
            if size > 1:
                x = L.ZeroPadding2D(size // 2)(x)
            made.extend([L.Conv2D(filters, size, stride, use_bias=False), L.BatchNormalization(epsilon=1e-5)])
            return made[-1](made[-2](x))

        x = inputs = keras.Input((32, 32, 3))
        x = L.ReLU()(normalised(x, 16, 3, 1))
        channels = 16
        for filters, first in ((16, 1), (32, 2), (64, 2)):
            for index in range(3):
                stride = first if index == 0 else 1
                h = L.ReLU()(normalised(x, filters, 3, stride))
                h = normalised(h, filters, 3, 1)
                plain = stride == 1 and channels == filters
                x = L.ReLU()(L.Add()([h, x if plain else normalised(x, filters, 1, stride)]))
                channels = filters
        made.append(L.Dense(10))
        model = keras.Model(inputs, made[-1](L.GlobalAveragePooling2D()(x)))
        model.made = made
        return model

    class WideDeep(keras.Model):
        def __init__(self):
            super().__init__()
            self.deep = [L.Embedding(10_000, 16) for _ in range(26)]
            self.wide = [L.Embedding(10_000, 1) for _ in range(26)]
            self.tower = keras.Sequential([L.Dense(128, "relu"), L.Dense(64, "relu"), L.Dense(1)])
            self.linear = L.Dense(1)

        def call(self, inputs, training=None):
            x, c = inputs
            columns = tf.unstack(c, axis=1)
            deep = tf.concat([x] + [table(column) for table, column in zip(self.deep, columns)], 1)
            wide = tf.add_n([table(column) for table, column in zip(self.wide, columns)])
            return tf.squeeze(self.tower(deep) + wide + self.linear(x), 1)

    def lstm():
        return keras.Sequential([L.Embedding(96, 64), L.LSTM(128, return_sequences=True),
                                 L.LSTM(128, return_sequences=True), L.Dense(96)])

    picture = [((784,), None), ((), 10)]
    # name: (batch, inputs as networks.py has them, model, loss(y, prediction), optimizer)
    networks = {
        "mlp-b32": (32, picture, lambda: mlp(128, 10), cross_entropy, adam),
        "mlp-b128-wide": (128, picture, lambda: mlp(512, 512, 10), cross_entropy, adam),
        "linreg-b32": (32, [((13,), None), ((1,), None)], lambda: mlp(1), square, lambda: momentum(0.01)),
        "mnist-cnn-b128": (128, [((28, 28, 1), None), ((), 10)], cnn, cross_entropy, adam),
        "resnet20-b128": (128, [((32, 32, 3), None), ((), 10)], resnet20, cross_entropy, lambda: momentum(0.001)),
        "wide-deep-b256": (256, [((13,), None), ((26,), 10_000), ((), 2)], WideDeep,
                           lambda y, p: tf.reduce_mean(
                               tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(y, tf.float32), p)),
                           # Keras adds it below the root, where PyTorch adds 1e-10 outside.
                           lambda: keras.optimizers.Adagrad(0.05, initial_accumulator_value=0.0, epsilon=1e-20)),
        "charlstm-b32-t64": (32, [((64,), 96), ((64,), 96)], lstm, cross_entropy, adam),
    }
    if name not in networks:
        return
    batch, inputs, make, loss_of, make_optimizer = networks[name]
    columns = []
    for salt, (shape, bound) in enumerate(inputs):
        whole = isinstance(bound, int)
        make_numbers = integers if whole else uniform
        column = make_numbers(salt, (batch * ROUND, *shape), *((bound,) if whole else (-1, 1)))
        columns.append(column.astype(np.int32) if whole else column)
    rounds = [[tf.constant(column[i * batch:(i + 1) * batch]) for column in columns] for i in range(ROUND)]
    rounds = [(parts[0] if len(parts) == 2 else tuple(parts[:-1]), parts[-1]) for parts in rounds]
    model, optimizer = make(), make_optimizer()
    model(rounds[0][0])
    set_first_weights(model)
    optimizer.build(model.trainable_variables)

    def summed(gradient):
        # Keras squares the rows of a sparse gradient one by one, also those that belong to one row of the table; the
        # rule is about their sum. XLA has no sums of as many rows as the data say, and takes the whole table.
        if not isinstance(gradient, tf.IndexedSlices):
            return gradient
        if way == "xla":
            return tf.convert_to_tensor(gradient)
        rows, places = tf.unique(gradient.indices)
        values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
        return tf.IndexedSlices(values, rows, gradient.dense_shape)

    @tf.function(jit_compile=way == "xla")
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = [summed(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    losses = [float(step(*rounds[i % ROUND])) for i in range(CHECKED)]
    done = CHECKED

    def timed(steps):
        nonlocal done
        begin = time.perf_counter()
        for _ in range(steps):
            loss = step(*rounds[done % ROUND])
            done += 1
        float(loss)
        return (time.perf_counter() - begin) / steps

    steps = max(4, min(20_000, round(ROUND_S / timed(CHECKED))))
    times = [timed(steps) for _ in range(ROUNDS)]
    emit(name, f"tf-{way}", statistics.median(times) * 1e6, "us", losses=losses)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    emit(f"{name}-memory", f"tf-{way}", peak, "bytes")


def set_first_weights(model):
    """As Weights in networks.py: Keras has the engine's layouts, so its variables are filled as they come."""
    index = 0
    layers = getattr(model, "made", [model])
    for variable in (variable for layer in layers for variable in layer.trainable_variables):
        shape = tuple(variable.shape)
        if variable.name == "gamma":
            low, high = 0.9, 1.1
        elif len(shape) < 2:
            low, high = -0.1, 0.1
        elif variable.name == "embeddings":
            low, high = -0.5, 0.5
        else:
            high = float(np.sqrt(3 / np.prod(shape[:-1], dtype=np.int64)))
            low = -high
        variable.assign(uniform(1000 + index, shape, low, high))
        index += 1


name = sys.argv[1]
if len(sys.argv) > 2:
    measure(name, sys.argv[2])
else:
    for way in ("graph", "xla"):
        ended = subprocess.run([sys.executable, __file__, name, way], check=False)
        if ended.returncode != 0:
            print(f"tf-{way} could not train {name}.", file=sys.stderr)
