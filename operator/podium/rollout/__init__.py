"""The way of a ModelAlias from the version that is served to the one that is desired: pure decisions.

`worlds` holds what is observed, `actions` what can be done, `designations` and `revisions` say which revision is
desired, `strategies` move traffic one step, `transitions` keep the facts of it, `retirement` puts away what is no
longer needed, `status` says it all to people, and `decision` joins them. Each step is derived from what is observed, so
a crash between any two loses nothing.
"""
