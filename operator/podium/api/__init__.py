"""The two kinds as pydantic models: the one source of the CRDs, the defaults and the parsed objects."""
