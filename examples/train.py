"""Trains a classifier on the iris data set and registers it. Plain MLflow: nothing here knows of Podium.

    export MLFLOW_TRACKING_URI=http://localhost:8088
    python examples/train.py --trees 20 --alias champion

The last line that it prints is the number of the version that it registered.
"""

import argparse

import mlflow
from mlflow.models import infer_signature
from sklearn import datasets, ensemble, metrics, model_selection


def main() -> None:
    """Trains, logs, registers, and moves the alias where one is given."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="iris-classifier", help="name of the registered model")
    parser.add_argument("--trees", type=int, default=20, help="trees in the forest")
    parser.add_argument("--alias", help="alias to set on the new version, such as champion")
    chosen = parser.parse_args()

    features, classes = datasets.load_iris(return_X_y=True)
    train_x, test_x, train_y, test_y = model_selection.train_test_split(
        features, classes, test_size=0.2, random_state=7, stratify=classes
    )
    parameters = {"n_estimators": chosen.trees, "max_depth": 4, "random_state": 7}

    mlflow.set_experiment("iris")
    with mlflow.start_run(run_name=f"forest-of-{chosen.trees}"):
        forest = ensemble.RandomForestClassifier(**parameters).fit(train_x, train_y)
        predicted = forest.predict(test_x)
        mlflow.log_params(parameters)
        mlflow.log_metrics(
            {
                "accuracy": metrics.accuracy_score(test_y, predicted),
                "f1_macro": metrics.f1_score(test_y, predicted, average="macro"),
            }
        )
        logged = mlflow.sklearn.log_model(
            forest,
            name="model",
            registered_model_name=chosen.model,
            signature=infer_signature(train_x, predicted),
            input_example=train_x[:2],
            skops_trusted_types=["sklearn.tree._tree.Tree"],
        )

    version = logged.registered_model_version
    if chosen.alias:
        mlflow.MlflowClient().set_registered_model_alias(chosen.model, chosen.alias, version)
    print(version)


if __name__ == "__main__":
    main()
