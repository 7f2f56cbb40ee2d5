"""What tests of several tiers share. Nothing here is a test, and nothing asserts but helpers that say so.

Servers and programs of this machine:

    httpserver      the one HTTP server and proxy: recorded requests, scripted answers, faults
    apiproxy        that proxy before the real API server, with its watches
    memoryapi       the API server in memory, with the calls of the operator's client
    programs        processes that a test starts: free ports, output, readiness, the end
    mlflowserver    `mlflow server`, and MLflow here as its client; workers: a connection to each of its processes
    faultyserver    a tracking server whose API server is an `apiproxy`; mlflowfaults: the calls made of it
    modelserver     the server of a model's pod; lightserver/ stands for it in the cluster, in a fraction of a second
    postgres, s3    PostgreSQL, SeaweedFS
    mlflowdatabase  an empty MLflow database on SQLite, made once and copied
    operators       the operator as a process that may be killed; writers: many processes that write to one registry

The cluster:

    cluster         the API server as an administrator, namespaces, waiting for conditions
    installed       what the fixtures of tests/cluster hand out: cluster, images, Podium
    site, models    a namespace in which versions are served; artifacts and manifests for it; images: their image
    guarded         people under the chart's admission policy; tokens: their kubeconfigs; byhand: repairs by hand
    helm            the chart as Helm renders it
    sourceserver    an MLflow server as a pod, which a mirror follows
    browser         a headless Chromium for MLflow's page

The rest: commands (MLflow's command as a user types it), training (tiny models as users make them), effort (all or a
sample of what is random), virtualtime (an event loop whose clock jumps).
"""
