"""Networks of keras.applications with random weights, with an input and the output that Keras computes for it in f64.

    python tools/corpus/keras_networks.py FOLDER [NAME...]

Each network NAME becomes NAME.keras and NAME.safetensors, which holds its input and its output by their names.

Keras computes the answer in double precision: its own f32 answer is off like any other, and a comparison with it
counts the errors of both. Norms shift by 0.5 on average, since a network that is cut at 0 right in the middle of what
each norm makes enlarges every rounding from layer to layer: with shifts around 0, InceptionV3 in f32 came out 8.4e-5
of its largest number off in Keras, 6.9e-5 in ONNX Runtime, 1.8e-4 here; with these, 9.2e-6 in Keras and 1.5e-5 here.
"""

import os
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from stored_tensors import save_tensors

SIDES = {
    "MobileNet": 96, "MobileNetV2": 96, "MobileNetV3Small": 96, "MobileNetV3Large": 96,
    "EfficientNetB0": 96, "EfficientNetV2B0": 96, "ResNet50": 96, "ResNet50V2": 96, "DenseNet121": 96,
    "Xception": 128, "InceptionV3": 150, "NASNetMobile": 96, "VGG16": 64, "ConvNeXtTiny": 96,
}


def stirred(model, x):
    """Norms fit what they see, as after training, and no scale or shift is the neutral one."""
    rng = np.random.default_rng(7)
    norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    kept = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        for weight, middle in ((norm.gamma, 1.0), (norm.beta, 0.5)):
            if weight is not None:
                weight.assign(rng.uniform(middle - 0.3, middle + 0.3, weight.shape))
    model(x, training=True)
    for norm, momentum in zip(norms, kept):
        norm.momentum = momentum
    return model


@contextmanager
def doubles():
    """Layers made in here have weights of f64 and compute in f64."""
    kinds = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(kinds[0])
        keras.config.set_dtype_policy(kinds[1])


def exact(make, model, x):
    """The answer of the model in double precision, rounded once; by a network of the same kind and weights."""
    with doubles():
        twin = make()
        twin.set_weights(model.get_weights())
        y = np.asarray(twin(x.astype("float64"), training=False))
    if y.dtype != np.float64 or any(weight.dtype == "float32" for weight in twin.weights):
        raise TypeError(f"{model.name} was not computed in double precision")
    return y.astype("float32")


def made(name, shape):
    make = getattr(keras.applications, name)
    picture = keras.Input(shape, name="picture")
    return make(weights=None, input_tensor=picture, classes=100, classifier_activation=None)


def main(folder, only):
    folder.mkdir(parents=True, exist_ok=True)
    for name, side in SIDES.items():
        if only and name not in only:
            continue
        keras.utils.set_random_seed(11)
        keras.backend.clear_session()
        shape = (side, side, 3)
        model = made(name, shape)
        # Pixels of a byte: the newer of these networks scale them in a layer of their own.
        many = np.random.default_rng(3).integers(0, 256, (8, *shape)).astype("float32")
        x = many[:2]
        stirred(model, many)
        f32 = np.asarray(model(x, training=False))
        y = exact(partial(made, name, shape), model, x)
        model.save(folder / f"{name}.keras")
        tensors = {"picture": x, model.output_names[0]: y}
        save_tensors(folder / f"{name}.safetensors", tensors)
        error = np.abs(f32 - y).max() / np.abs(y).max()
        print(f"{name} {y.shape}, Keras in f32 is {error:.1e} off", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
