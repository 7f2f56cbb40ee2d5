"""The server container of a model's pod: MLflow's scoring application, answered by several workers.

The parent takes the ports and starts the workers. A model that answers in a forked worker is loaded once, by the
parent; any other is loaded by each worker. A worker answers the smoke test before it listens, so a pod that is Ready
has answered once; and it ends when its model answers nobody any more, so a pod stays Ready only while it answers. At
the end a worker drains: it goes on accepting for DRAIN_SECONDS and asks its clients to come over another connection.

    server        one server from end to end: ports, smoke test, how the workers start, the workers
    start         decides how the workers come to the model: by fork, or each by itself
    supervisor    the parent: starts workers, listens to them, passes the stop signal on
    fleet         decides which workers to start and to kill, and when the server has to end: pure
    reports       what a worker tells its parent, over a pipe
    model         the model, loaded, and the applications around it
    spawned       the program of a worker that loads the model itself
    worker        one worker: smoke test, uvicorn, drain
    load          requests that threads work on or that wait for one: is the worker busy, or does it hang?
    asgi          the types of the interface between uvicorn and the applications
    application   the ASGI application around MLflow's: ports and paths, version header, limit of a request's size
    media_types   what a Content-Type says: pure
    predictions   what became of a request in the model: whose fault it is that it failed
    answers       what is sent in place of MLflow's answer: pure
    smoke         the request that the model must answer before it is healthy
    example       a request made from the model's signature: pure
    dependencies  what the model requires and the image does not hold
    metrics       Prometheus' metrics, merged over the workers
    last_words    the termination message of a server that cannot serve
    settings, logs

Nothing here is imported by the operator; what both must agree on (paths, port, variables, grace) stands in names.py.
"""
