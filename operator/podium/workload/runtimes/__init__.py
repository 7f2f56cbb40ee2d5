"""What answers in a model's pod: the program, where it listens, and under which paths.

A runtime is everything that the rest of Podium has to know about a model server. Whoever builds a Deployment, a
Service, a probe or an address asks the runtime; no path and no port of a server stands anywhere else.

    protocol    Runtime, and the values that it is made of
    mlflow      MLflow's scoring server (podium.serving): the only runtime so far
    choice      the runtime that a spec asks for

To add a runtime, implement the protocol in a module of its own and name it in `choice`. The tests hold a second one, a
plain HTTP server on another port with other paths, to prove that nothing else has to change.
"""
