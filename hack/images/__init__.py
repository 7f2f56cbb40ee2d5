"""The project's container images: named by their content, built where they are missing, loaded into the cluster."""
