"""Networks of keras.applications with random weights, with an input and the output that Keras computes for it.

    python tools/corpus/keras_networks.py FOLDER [NAME...]

Each network NAME becomes NAME.keras and NAME.safetensors, which holds its input and its output by their names.
"""

import os
import sys
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
        for weight, middle in ((norm.gamma, 1.0), (norm.beta, 0.0)):
            if weight is not None:
                weight.assign(rng.uniform(middle - 0.3, middle + 0.3, weight.shape))
    model(x, training=True)
    for norm, momentum in zip(norms, kept):
        norm.momentum = momentum
    return model


def main(folder, only):
    folder.mkdir(parents=True, exist_ok=True)
    for name, side in SIDES.items():
        if only and name not in only:
            continue
        keras.utils.set_random_seed(11)
        keras.backend.clear_session()
        shape = (side, side, 3)
        make = getattr(keras.applications, name)
        picture = keras.Input(shape, name="picture")
        model = make(weights=None, input_tensor=picture, classes=100, classifier_activation=None)
        # Pixels of a byte: the newer of these networks scale them in a layer of their own.
        many = np.random.default_rng(3).integers(0, 256, (8, *shape)).astype("float32")
        x = many[:2]
        y = np.asarray(stirred(model, many)(x, training=False))
        model.save(folder / f"{name}.keras")
        tensors = {"picture": x, model.output_names[0]: y}
        save_tensors(folder / f"{name}.safetensors", tensors)
        print(name, y.shape, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
