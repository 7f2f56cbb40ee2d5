"""Tiny models as users make them: trained, logged and registered by MLflow's own calls."""

from typing import Any

import mlflow
import numpy
from mlflow import models
from sklearn import dummy, linear_model

ROWS = numpy.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
CLASSES = [0, 1, 0, 1]
EXPERIMENT = "podium-tests"


def good() -> Any:
    """A classifier that gets all of CLASSES right."""
    return linear_model.LogisticRegression().fit(ROWS, CLASSES)


def poor() -> Any:
    """One that always says 0."""
    return dummy.DummyClassifier(strategy="constant", constant=0).fit(ROWS, CLASSES)


def log(model: Any, *, registered_as: str | None = None, **metrics: float) -> Any:
    """A run with the model and its metrics; MLflow's ModelInfo."""
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run():
        mlflow.log_params({"rows": len(ROWS)})
        if metrics:
            mlflow.log_metrics(metrics)
        return mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name=registered_as,
            signature=models.infer_signature(ROWS, numpy.array(CLASSES)),
            pip_requirements=["mlflow", "scikit-learn"],
        )
