"""Kube/registry: the registry's backend on the API server. It is the one room of kube that knows the registry.

    configmaps  a backend.Backend: each call is one request for ConfigMaps of one namespace, repeated where that is safe
    watchcache  a readers.Watch: a copy of the registry in a tracking server's worker, kept current by a thread
    mark        the number by which the workers of a tracking server tell each other what they were answered last
    whoami      the name under which the API server knows this process, for the history

A tracking server opens the first two together (`watchcache.open_watched`): writes and reads of single objects go to the
API server, searches are answered from the copy once it has got as far as the mark. The operator has a copy of its own,
by the engine's watches, and opens `configmaps` alone.
"""
