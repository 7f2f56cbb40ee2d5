"""Whole models as images: read, compared with the registry, and written.

images         the part of the Registry: reads an image, makes a model equal to one, ends a mirror
convergence    what has to be written for that: pure
jsonlines      images <-> lines of a file, for export and import: pure
"""
