"""The protocol by which many writers share one registry: none overwrites another, and a kill harms nothing.

readers        reads, named by their guarantee; the Watch that cached reads ask
writers        one change: read, step, compare-and-swap; again when another writer was faster
name_claims    which model has a name; renames
creation       a new version: its object, then the head that counts it

The parts of the Registry, each of which checks its arguments and calls the above:

models         registered models
versions       single versions, and MLflow's stages
aliases        moves of aliases, and their history
serving        what ModelAlias objects hold: claims, pins, gates

leftovers      removes what operations left behind that died half-way
"""
