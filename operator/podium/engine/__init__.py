"""Engine: what runs the operator. It sees, wakes, decides by the pure rules of rollout and workload, and does.

One change in the cluster passes these modules in this order:

    watches         shows it: children, pods, EndpointSlices and registries; of the two kinds, Kopf's adapter does
    caches          takes it in: kinds, registries, inventory (children), groups (pods and the like by their owner)
    wakeups         turns it into the keys of the objects that have to be looked at
    queue           holds each key once, with delays and a back-off, and never gives it to two workers
    ranks           says what goes first when a process begins to lead
    controller      has workers that take a key each, and looks at everything from time to time
    reconciliation  one pass over one object: gather, decide, carry out
    worlds          gathers from the caches, without a call, all that the decision looks at
    execution       does what the decision says: asks for the Lease before every write, and whose an object is
    leadership      lets nothing be written but by who leads, and while nobody else can
    installations   leaves to another installation what that one looks after, and says so
    failures        what the status says of passes that fail

Beside them: lists (the two kinds read at the start and against what Kopf missed), schemas (CRDs that are older than the
operator), extracts (what is kept of a child),
ownership (whose an object is), health and telemetry (what is told about the process), failpoints (instants at which
tests kill it). Only `execution` writes, only `worlds` reads for a decision. Nothing is kept that a restart needs.
"""
