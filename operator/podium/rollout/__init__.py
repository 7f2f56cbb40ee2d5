"""The way of a ModelAlias from the version that is served to the one that is asked for: pure decisions.

`world` holds what is observed, `actions` what can be done, `desire` says which revision is asked for, `bluegreen`
moves traffic one step, `progress` keeps the facts of it, `retire` puts away what is no longer needed, `status` says
it all to people, and `decide` joins them. Each step is derived from what is observed, so a crash between any two loses
nothing.
"""
