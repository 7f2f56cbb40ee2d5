"""spec.gates as a model."""

from typing import Any

import pydantic
import pytest

from podium.api import gates


@pytest.mark.parametrize(
    "bounds", [{}, {"min": 1, "max": 2}, {"min": 1, "notWorseThan": {"alias": "champion"}}, {"min": "nan"}]
)
def test_a_metric_gate_that_asks_for_nothing_or_not_clearly_is_no_gate(bounds: dict[str, Any]) -> None:
    """However it was stored: an object that an older CRD let pass must not open the way."""
    with pytest.raises(pydantic.ValidationError):
        gates.MetricGate.model_validate({"name": "accuracy"} | bounds)
