"""CLI: the command `podium`, which works on a registry from a terminal, without a tracking server.

`podium history iris` shows who moved which alias and why. `podium approve` and `reject` record a person's decision,
which gates may ask for. `podium registry …` works on a whole registry. The command calls the API server with the rights
of whoever runs it. Results go to the output, as tables or JSON; everything else goes to the error stream.

    main          the program: commands, exit codes, errors as one sentence
    history       `podium history`
    decisions     `podium approve` and `podium reject`
    registry      `podium registry check` and `promote`
    transfer      `podium registry export`, `restore` and `import`
    registries    which registry is meant, and similar names for a misspelled one
    options       options that several commands take
    output        tables, JSON and progress

MLflow and the Kubernetes client take seconds to import, so a module imports them only in the function that needs them.
"""
