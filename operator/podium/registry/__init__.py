"""The model registry: registered models, their versions, aliases, tags and history, in ConfigMaps of one namespace.

MLflow's plugin, the operator, the CLI and the mirror all use `store.Registry`; its parts are named for what they hold:
`registry.models`, `.versions`, `.aliases`, `.serving` and `.images`. Every change is one compare-and-swap; where an
operation takes more writes, one of them decides, and whoever comes next may finish the others (see store).

Reads are named by their guarantee (see protocol.readers):

    fresh_…      as the API server has it now: one consistent GET
    cached_…     as a watch has shown it, never older than any answer before; every list is one
    …_for_swap   as a watch has shown it, however old: to be written under compare-and-swap, and for nothing else

The rooms, each importing only those above it:

    model        values, and pure changes of them: entities, transitions, validation, essentials
    storage      values <-> ConfigMaps, and the backend that holds ConfigMaps (kube.registry has the real one)
    catalog      what a watch has shown of one registry, indexed; asked without a call
    excerpt      the operator's catalog: what decisions need, and no more
    protocol     reads, swaps, claims of names, and the parts for models, versions, aliases and serving
    images       whole models: for mirror, export and import
    store        Registry: the parts put together
    audit        what is wrong with a registry, and its repair
"""
