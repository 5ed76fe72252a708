"""Writes small Keras models, whole (.keras, .h5), with an input and the output that Keras computes for it.

    python tools/corpus/keras_goldens.py packages/formats/goldens/keras
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers

ROUNDED = 6


def pictures():
    x = inputs = keras.Input((12, 10, 3), name="picture")
    x = layers.Rescaling(1 / 4, offset=-0.5)(x)
    x = layers.ZeroPadding2D(((0, 1), (1, 0)))(x)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(max_value=6)(x)
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="silu")(x)
    y = layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, activation="hard_sigmoid")(y)
    y = layers.BatchNormalization(scale=False)(y)
    x = layers.Add()([x, y])
    x = layers.GroupNormalization(groups=2)(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="gelu")(x)
    x = layers.MaxPooling2D(2)(layers.Cropping2D(1)(x))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="classes")(x))


def operators():
    """What is written with an operator and a number becomes an operation of its own."""
    x = inputs = keras.Input((4, 5, 3), name="picture")
    x = layers.Normalization()(x)
    x = layers.Conv2D(4, 3, padding="same")(x)
    x = x * (layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0))
    x = layers.GlobalAveragePooling2D()(0.5 + x)
    return keras.Model(inputs, layers.Dense(2)(x))


def sentences():
    x = inputs = keras.Input((6,), name="words", dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True)(x)
    x = layers.LayerNormalization()(x)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.LSTM(5)(x)
    return keras.Model(inputs, [layers.Dense(1, activation="sigmoid")(x)])


def attention():
    x = inputs = keras.Input((5, 6), name="steps")
    y = layers.MultiHeadAttention(2, 3, value_dim=4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Conv1D(6, 3, padding="causal", activation="leaky_relu")(x)
    x = layers.Concatenate()([x, y])
    x = layers.Flatten()(layers.Permute((2, 1))(x))
    return keras.Model(inputs, layers.Dense(2)(x))


def nested():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization()]
    )
    inner.layers[0].trainable = False
    x = inputs = keras.Input((4,), name="row")
    both = layers.Concatenate()([inner(x), inner(layers.Dense(4)(x))])
    middle = keras.Model(inputs, both, name="middle")
    return keras.Sequential([middle, layers.Reshape((2, 3)), layers.Dense(2, activation="elu")])


def unsaid():
    """A sequence without an input of its own, built by its first call."""
    model = keras.Sequential([layers.Dense(3, activation="tanh"), layers.Dense(2)])
    model(np.zeros((1, 4), "float32"))
    return model


def stirred(model):
    """Weights that no initializer would give; variances stay positive."""
    rng = np.random.default_rng(7)
    model.set_weights([rng.uniform(0.1, 0.6, w.shape) for w in model.get_weights()])
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()
    return model


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for make in [pictures, operators, sentences, attention, nested, unsaid]:
        keras.utils.set_random_seed(1)
        keras.backend.clear_session()
        model = stirred(make())
        name = make.__name__
        model.save(folder / f"{name}.keras")
        if name not in ("attention", "operators", "unsaid"):
            model.save(folder / f"{name}.h5")
        rng = np.random.default_rng(3)
        shape = (2, *model.inputs[0].shape[1:])
        words = name == "sentences"
        x = rng.integers(0, 9, shape) if words else rng.uniform(-1, 1, shape).round(3)
        y = np.asarray(model(x.astype("int32" if words else "float32"), training=False))
        golden = {"input": model.inputs[0].name, "shape": shape, "x": x.ravel().tolist()}
        golden.update(outputShape=y.shape, y=[round(float(v), ROUNDED) for v in y.ravel()])
        (folder / f"{name}.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
