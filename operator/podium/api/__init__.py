"""API: the two kinds as pydantic models, from which everything else about their fields is derived.

A ModelVersion says: serve this version of this registered model. A ModelAlias says: serve whichever version this alias
designates, from one stable endpoint. crdgen writes the CRDs from these models, with each description for `kubectl
explain` and each CEL rule; the engine parses objects with them, which also fills in the defaults.

    model_version   ModelVersion: spec, template and status
    model_alias     ModelAlias: spec and status, with its rollout and history
    gates           spec.gates of a ModelAlias
    common          durations, storage, ingress, the reference to a registry, CEL rules
    conditions      status conditions as kstatus knows them: how they are merged and written

A field that cannot be honoured is rejected by the schema, never ignored. Descriptions are written for readers of
`kubectl explain`; run `make crds` after a change.
"""
