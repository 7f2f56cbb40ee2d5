"""The init container of a model's pod: it brings the artifact from S3 into the pod's volume, verified."""
