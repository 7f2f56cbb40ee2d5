"""The model registry in ConfigMaps: values, their ConfigMaps, the protocol, and an index for watchers.

entities, validation, keys     values and what may be in them
codec, limits                  values <-> ConfigMaps, and their bounds in bytes
transitions                    pure changes: an entity in, an entity out
backend, memory                one namespace of ConfigMaps, as a Protocol and in memory
reading, writing, archive,     consistent reads; one compare-and-swap; history's segments;
removal                        what a deletion or a crash leaves behind
store                          Registry: what callers use
catalog                        what a watch has seen of one registry
"""
