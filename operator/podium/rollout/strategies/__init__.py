"""How traffic moves from the served revision to the desired one: one strategy at a time moves it, step by step.

A strategy is asked once a pass. It looks at the world and the transition, and answers with the transition in the phase
that is right now, and with the split of the traffic that this phase wants. It writes nothing: the status records the
phase first, then the router's objects follow the split, so whoever finds a phase whose objects do not match writes the
objects.

    protocol    what a strategy answers
    bluegreen   all pods first, then both revisions for a moment, then the new one
    selection   the strategy of a spec
"""
