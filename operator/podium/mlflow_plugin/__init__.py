"""mlflow_plugin."""
