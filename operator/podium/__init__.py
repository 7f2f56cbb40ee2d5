"""Podium: the Kubernetes operator that makes the MLflow model registry the control plane for serving.

Somebody moves the alias `champion` in MLflow. The plugin checks the version against the alias's gates and writes the
move into the registry, which is a set of ConfigMaps. The operator sees the change, makes the pods of the version, waits
until they are ready, moves the traffic to them, and removes the pods of the version before.

The rooms, each importing only rooms below it (pyproject.toml holds this as a contract):

    main, cli       the operator's program; the command `podium`
    kopf_adapter    the only module that imports Kopf
    sync            the mirror of an existing MLflow server, a program of its own
    mlflow_plugin   MLflow's registry store, deployments target and artifact repository
    engine          watches, a queue of keys, and the cycle observe, decide, apply for each key
    rollout         decides how a ModelAlias gets from the served to the desired version: pure
    crdgen          writes the CRDs from the models in `api`
    routing         turns weights by revision into objects that share the traffic: pure
    workload        turns one version into a Deployment, a Service and an Ingress: pure
    gates           judges a version by the rules of an alias: pure
    kube            calls the API server; `kube.registry` stores the registry in ConfigMaps
    registry        registered models, versions, aliases and their history
    api             the two kinds, ModelVersion and ModelAlias, as pydantic models
    process         what operator and mirror share as processes: health, signals, logs
    settings        the operator's settings, read once from the environment
    errors          every error that Podium raises on purpose, as a tree
    names           every label, annotation, reason and variable that others can see
    manifest, texts, log_lines, backoff   one type and few functions that all rooms use

Aside, inside the pods of a model, importing nothing but names, errors, log_lines and backoff:

    puller          the init container that brings the artifact
    serving         the server that answers requests
"""
