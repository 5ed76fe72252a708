"""Fits scikit-learn's MLP pipeline on the rows that export-rows.ts wrote and prints nothing but sklearn-figures.json.

    node bench/tables/export-rows.ts /tmp/rows
    python bench/tables/sklearn_baseline.py /tmp/rows

Needs scikit-learn, pandas and pyarrow. Numbers: mean imputation with a missing indicator, standard scaling. Texts:
one-hot with unknown values ignored. Dates: days, as a number. Texts with nearly as many values as rows are left out,
as nobody would one-hot them. Each variant fits the training rows together with the validation rows (scikit-learn
draws its own validation rows where it stops early), so the baseline sees more rows than ours does.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1])

variants = {
    "defaults": {},
    "max_iter=1000": {"max_iter": 1000},
    "early_stopping": {"early_stopping": True, "max_iter": 1000, "n_iter_no_change": 20},
    "alpha=0.1": {"alpha": 0.1, "max_iter": 1000},
}


def columns_of(frame, target):
    numbers, texts = [], []
    for name in frame.columns:
        if name == target:
            continue
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            frame[name] = (column - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
            numbers.append(name)
        elif pd.api.types.is_numeric_dtype(column):
            frame[name] = column.astype(float)
            numbers.append(name)
        elif column.nunique() <= 0.25 * column.notna().sum():
            frame[name] = column.astype(object).where(column.notna(), np.nan)
            texts.append(name)
    return numbers, texts


def model_of(case, numbers, texts, settings, seed):
    inputs = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
                numbers,
            ),
            (
                "texts",
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="(missing)"),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                texts,
            ),
        ],
        sparse_threshold=0,
    )
    if case["task"] == "tabular-classification":
        return make_pipeline(inputs, MLPClassifier(random_state=seed, **settings))
    network = MLPRegressor(random_state=seed, **settings)
    return make_pipeline(
        inputs, TransformedTargetRegressor(network, transformer=StandardScaler())
    )


figures = {"scikit-learn": sklearn.__version__, "tables": {}}
for case in json.loads((folder / "cases.json").read_text()):
    frame = pd.read_parquet(folder / f"{case['name']}.parquet")
    target = case["target"]
    numbers, texts = columns_of(frame, target)
    score = accuracy_score if case["task"] == "tabular-classification" else r2_score
    scores = {}
    for variant, settings in variants.items():
        scores[variant] = []
        for seed, rows in enumerate(case["splits"], start=1):
            model = model_of(case, numbers, texts, settings, seed)
            fitted = frame.iloc[rows["train"] + rows["validation"]]
            tested = frame.iloc[rows["test"]]
            model.fit(fitted[numbers + texts], fitted[target])
            predicted = model.predict(tested[numbers + texts])
            scores[variant].append(round(float(score(tested[target], predicted)), 4))
    means = {variant: round(float(np.mean(each)), 4) for variant, each in scores.items()}
    best = max(means, key=means.get)
    figures["tables"][case["name"]] = {
        "metric": case["metric"],
        "best": best,
        "mean": means[best],
        "means": means,
        "scores": scores,
    }
    print(case["name"], means, file=sys.stderr)
path = pathlib.Path(__file__).with_name("sklearn-figures.json")
path.write_text(json.dumps(figures, indent=1) + "\n")
