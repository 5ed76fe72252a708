"""Writes sklearn-fixtures.json, the figures that the metrics are tested against. Needs scikit-learn 1.9."""

import json
import pathlib
import warnings

import numpy as np
from sklearn import metrics

warnings.filterwarnings("ignore")
random = np.random.default_rng(7)


def classes(name, items, labels, sharpness, truth=None):
    truth = random.integers(0, labels, items) if truth is None else np.array(truth)
    logits = random.normal(size=(len(truth), labels)) + sharpness * np.eye(labels)[truth]
    # Rounded, so that some scores are equal and ranks are shared.
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scores = np.round(scores, 2).astype(np.float32) + np.float32(0.01)
    scores /= scores.sum(axis=1, keepdims=True)
    predicted = scores.argmax(axis=1)
    macro = dict(average="macro", zero_division=0)
    areas = [
        metrics.roc_auc_score(truth == label, scores[:, label])
        for label in range(labels)
        if 0 < (truth == label).sum() < len(truth)
    ]
    area = (
        None
        if not areas
        else metrics.roc_auc_score(truth, scores[:, 1])
        if labels == 2
        else float(np.mean(areas))
    )
    return {
        "name": name,
        "labels": labels,
        "truth": truth.tolist(),
        "scores": [float(score) for score in scores.ravel()],
        "expected": {
            "accuracy": metrics.accuracy_score(truth, predicted),
            "precision": metrics.precision_score(truth, predicted, **macro),
            "recall": metrics.recall_score(truth, predicted, **macro),
            "f1": metrics.f1_score(truth, predicted, **macro),
            "rocAuc": area,
            "logLoss": metrics.log_loss(truth, scores, labels=list(range(labels))),
            "confusion": metrics.confusion_matrix(
                truth, predicted, labels=list(range(labels))
            ).tolist(),
        },
    }


def numbers(name, items, noise):
    truth = random.normal(50, 20, items)
    predicted = truth + random.normal(0, noise, items)
    return {
        "name": name,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "expected": {
            "mae": metrics.mean_absolute_error(truth, predicted),
            "rmse": metrics.root_mean_squared_error(truth, predicted),
            "r2": metrics.r2_score(truth, predicted),
        },
    }


fixtures = {
    "classification": [
        classes("two classes", 60, 2, 1.0),
        classes("five classes", 80, 5, 1.5),
        classes("a class that never occurs", 30, 4, 1.0, [0, 1, 3] * 10),
        classes("one class only", 8, 3, 1.0, [2] * 8),
    ],
    "regression": [numbers("close", 50, 5), numbers("worse than the mean", 30, 60)],
}
path = pathlib.Path(__file__).with_name("sklearn-fixtures.json")
path.write_text(json.dumps(fixtures, separators=(",", ":")) + "\n")
