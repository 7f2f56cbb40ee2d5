"""The CRDs, made from the pydantic models: pure values in, values out; `python -m podium.crdgen DIR` writes them.

A structural schema knows no $ref, no anyOf-null and no title, and prunes what it does not name; `schema.py`
translates, `definitions.py` adds what concerns the kind (columns, short names, subresources).
"""
