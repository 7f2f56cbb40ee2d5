"""How values are stored: one ConfigMap each for a claim, a head, a version, an archive and a policy.

backend        the Protocol: six calls on the ConfigMaps of one namespace; memory is one in this process
keys           names and labels of the ConfigMaps
codec          values <-> ConfigMaps; parsers reads them key by key, where anything may stand in them
limits         how large a ConfigMap may grow
archive        moves a head's older history into ConfigMaps of its own
policies       the ConfigMap of a model's gates
removal        removes the ConfigMaps of a deleted model
mirror_mark    the ConfigMap that says which MLflow server a registry is a mirror of
"""
