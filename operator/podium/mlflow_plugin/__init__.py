"""The MLflow plugin: a registry of ConfigMaps as MLflow's model registry store."""
