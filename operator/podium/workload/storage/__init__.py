"""How the artifact of a version gets into a model's pod: pulled by an init container, or mounted as a volume.

The scheme of a source's URI chooses. Whoever builds the pod asks the delivery for its parts; whoever judges what is
observed asks it one thing, whether a puller will report a digest.

    delivery    Delivery, and the parts of a pod that one gives
    pulled      what every pulled delivery has: the puller, its volumes, and the digest that a pull must bring
    s3          s3://: credentials, endpoint and certificate authority for the puller
    schemes     the delivery of a URI; the schemes that can be served at all

To add a store that is pulled, say in a module like `s3` what the puller needs, name it in `schemes`, and give the
puller its own Store of that scheme (podium.puller.stores). To add a volume, implement Delivery without a puller: the
tests hold one, a PersistentVolumeClaim.
"""
