"""The CustomResourceDefinitions, made from the pydantic models of `podium.api`.

`make crds` (`python -m podium.crdgen ROOT`) writes them to crds/ and, as templates, into the chart; a test fails while
what is committed differs from what the models give. No file is edited by hand.

    schema        from pydantic's JSON schema to a structural one: no $ref, no anyOf with null, no title, and defaults
                  told in the description, because `kubectl explain` shows no others
    definitions   what concerns the kind: names, columns, subresources, the rule about metadata.name
    __main__      the files: the CRDs, and the chart's copies that `helm uninstall` keeps

All of it is pure but the writing: values in, values out.
"""
