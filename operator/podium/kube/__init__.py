"""Kube: the way to the API server. It carries plain dicts and knows nothing of rollouts, versions or aliases.

There are two ways, because the operator runs on asyncio and the registry's callers (MLflow's stores) are threads:

    asyncio     client (calls, lists, watches)
    threads     session (calls, lists, watches) over wire (connections), objects (Podium's kinds for the command line)
    both        answers (objects, events and errors from what the server says), resources (paths),
                listwatch (the rules of a loop that keeps a copy current)

Built on the first: reflector (a local copy by list and watch), applier (server-side apply only where it changes
something), events (what a user reads beside an object), lease (leader election). Built on the second: the room
`registry`, where ConfigMaps hold the registry. Every failure is an errors.KubeError with the server's own sentence, and
every call has a time limit. The typed classes of the official client are never touched: they cost 60 MiB and more.
"""
