"""MLflow plugin: lets unmodified MLflow clients work with a registry in ConfigMaps and with Podium's deployments.

MLflow finds three entry points. `store` is the model registry behind ``configmap://NAMESPACE``, in ``mlflow server`` or
directly in a Python process. `deployments` is the target of ``mlflow deployments … -t podium``. `artifacts` passes
artifacts on S3 through a tracking server. A call to the store goes: check the arguments (calls), read or change the
registry, show the result as MLflow's entities (views), turn errors into MlflowExceptions (calls).

    store         MLflow's registry interface
    calls         arguments, and errors as MlflowExceptions
    views         models and versions as MLflow's entities, and back
    search        filters, orders and pages of MLflow's searches
    guard         judges the gates before an alias moves
    metrics       reads the metrics that gates ask for
    sources       where an artifact really is
    webhooks      MLflow's webhooks, kept in the tracking server's database
    server        the tracking server around this process, and who sent the request
    address       ``configmap://`` addresses, and the registry behind one
    deployments   the deployments client, and requests to a deployed model
    manifests     a deployment as a ModelAlias or a ModelVersion, both ways: pure
    artifacts     the artifact repository

Every MLflow client imports `store`, so the Kubernetes client is imported only when a registry is opened.
"""
