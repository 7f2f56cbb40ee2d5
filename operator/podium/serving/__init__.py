"""The server container of a model's pod: MLflow's scoring application, loaded once, answered by forked workers."""
