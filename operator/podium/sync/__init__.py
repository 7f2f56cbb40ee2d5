"""Sync: the mirror, a program that keeps a registry equal to the models of an existing MLflow server.

A team whose MLflow has a SQL registry can use Podium without moving: the mirror copies models, versions, aliases and
tags into ConfigMaps, and the operator serves them. The follower makes a pass over all models each interval; a webhook
of MLflow's only makes it read one model sooner. For each model the source reads an image from the server, and the
mirror makes the registry's model equal to it. One process mirrors at a time; it holds a Lease.

    __main__     wiring, start and stop
    settings     the environment variables
    follower     decides when to read: the interval, hints, retries
    mirror       makes the registry's models equal, one at a time
    source       reads models from the MLflow server (also for `podium registry import`)
    webhooks     verifies the signature of MLflow's messages
    http         the health endpoints and the path for webhooks
    status       the conditions Ready and Stalled, and what else is shown: pure
    configmap    the ConfigMap `podium-mirror`, which shows the status and marks the registry as a mirror
    telemetry    Prometheus metrics
"""
