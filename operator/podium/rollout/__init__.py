"""The way of a ModelAlias from the version that is served to the one that is desired: pure decisions.

One pass goes from what is observed to a plan, and the plan is done in its order. Each step is derived from what is
observed, and what moves traffic is recorded in the status before it is done, so a death between any two steps loses
nothing: the next pass finds what was done, and goes on from there.

    worlds         what is observed: the ModelAlias, its revisions, views of the registry and of the traffic
    designations   what the registry says for a ModelAlias
    gating         whether a version meets spec.gates; projection: the policy by which the store judges likewise
    revisions      which revision is desired, and what it looks like as a ModelVersion
    phases         a transition between two revisions, and its phases
    readiness      when a revision may receive traffic
    strategies     how traffic moves from phase to phase: BlueGreen
    transitions    what becomes of served, previous, failed and history in this pass
    roles          which part each revision plays: served, candidate, previous, shadow
    upkeep         that what has traffic is there and as it was made, whatever is desired
    retirement     how many pods each revision has, and which revisions are deleted
    status, events what people are told: conditions, and each turn once
    actions        what a plan can ask for
    decision       joins them, in the order that makes it safe
"""
