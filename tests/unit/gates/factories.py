"""Strategies for gates, and for what is known when they are asked."""

import math

from hypothesis import strategies as st

from podium.gates import outcomes
from podium.registry.model import entities

METRICS = st.sampled_from(["accuracy", "f1_macro", "val loss", "p99/latency"])
OTHERS = st.sampled_from(["champion", "staging"])
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = FINITE | st.sampled_from([0.9, 0.91, 0.1 + 0.2, -0.0, 5e-324, 1.7e308])
BOUNDS = st.builds(entities.MetricGate, METRICS, min=VALUES) | st.builds(entities.MetricGate, METRICS, max=VALUES)
COMPARISONS = st.builds(
    entities.MetricGate,
    METRICS,
    not_worse_than=OTHERS,
    tolerance=st.just(0.0) | st.floats(0, 1e6),
    better=st.sampled_from(["Higher", "Lower"]),
)
GATES = st.builds(
    entities.Gates,
    st.lists(BOUNDS | COMPARISONS, max_size=4).map(tuple),
    st.dictionaries(
        st.sampled_from(["approval_status", "k/2"]), st.sampled_from(["", "approved", "a = b"]), max_size=2
    ),
    st.sampled_from(["Automatic", "Manual"]),
)
LACKS = st.builds(outcomes.Lack, st.sampled_from(entities.Cause), st.sampled_from(["", "run 0af3", "{0} and {}"]))
UNUSABLE = st.sampled_from([math.nan, math.inf, -math.inf])
