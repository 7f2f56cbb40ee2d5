"""crdgen."""
