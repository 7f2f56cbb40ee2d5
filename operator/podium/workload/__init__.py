"""From a version of a registered model to the objects that serve it: pure decisions about a ModelVersion.

A pass looks at everything once (`version.World`), decides the children and the status (`version.decide`), and leaves
the writing to the engine. What a user's pods are made of is frozen on the first day (`children.build_frozen_template`),
so that neither another operator nor another default restarts a model.

    sources      where the artifact is, by spec or registry, or the problem in words
    version      the decision: children, conditions, what somebody must act on
    children     ControllerRevision, Deployment, Service, Ingress and the digest's ConfigMap, as manifests
    pod          the pod template, from the two seams
    runtimes/    what answers in the pod: container, port, paths, probes
    storage/     how the artifact gets into the pod: pulled or mounted
    containers   what every container has, for Pod Security "restricted"
    replicas     how many pods: a fixed number, or a range in which somebody else scales
    pods         what a live Pod says: ready, the puller's report, what went wrong
    intent       hashes of what a user asked for: what restarts a pod, what is another revision
    labels       labels, selectors and owner references
"""
