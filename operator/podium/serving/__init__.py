"""The server container of a model's pod: MLflow's scoring application, loaded once, answered by forked workers.

The parent loads the model, takes the port and forks the workers; each worker answers the model's own input example
before it listens, so that a pod that is Ready has answered once. At the end a worker drains: it goes on accepting for
DRAIN_SECONDS and asks its clients to come over another connection.

    server        one server from end to end: port, model, workers
    supervisor    the parent: forks workers, replaces those that die, passes the stop signal on
    worker        one worker: smoke test, uvicorn, drain
    application   the ASGI application around MLflow's: ports and paths, version header, limit of a request's size
    media_types   what a Content-Type says: pure
    predictions   what became of a request in the model: whose fault it is that it failed
    answers       what is sent in place of MLflow's answer: pure
    smoke         the request that the model must answer before it is healthy
    dependencies  what the model requires and the image does not hold
    metrics       Prometheus' metrics, merged over the workers
    last_words    the termination message of a server that cannot serve
    settings, logs

Nothing here is imported by the operator; what both must agree on (paths, port, variables, grace) stands in names.py.
"""
