"""The init container of a model's pod: it brings the artifact into the pod's volume, verified, or says why it cannot.

One pull is one page, `pull.run`: list, plan, download, verify, place.

    settings    what the environment asks for
    plan        which objects become which files and blocks, decided before a byte moves: pure
    stores      Store, what an artifact can be pulled from, and the table that chooses one by the URI's scheme
    s3          the Store of s3://; s3_answers: what an answer states; s3_faults: errors in words that say what to do
    transfer    downloads the blocks side by side; each goes on from where it broke off
    digest      the digest that names an artifact, and the checksums of a store
    journal     what was brought so far, for a container that starts again
    limits      when a pull tries again and when it gives up
    volume      staging, the way into place, and the memory of a finished pull
    report      the termination message, which the operator lifts into the status, and the log lines

The program is started again whenever it fails, so each step can be repeated. It imports nothing of the operator but
names, errors, back-off and the form of log lines.
"""
