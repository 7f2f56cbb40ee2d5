"""How traffic is shared among the revisions of a ModelAlias, and the objects that make it so: pure functions.

A rollout strategy says a *split*: weights by revision. A router turns the split into the objects that carry it out, and
says whether the objects that are there do so already. The strategy never sees an object, and the router never sees a
phase, so each can be exchanged without the other.

    routers    Split, Seen (an object as it is), and the Router protocol
    service    the selector of the alias's Service: one revision, or two that answer by their numbers of pods

A revision that must not receive traffic (a shadow) is kept out by a label of its pods, names.TRAFFIC_LABEL, which is
written when the revision is made and stays for its life: the overlap selects the pods with its value "live".
"""
