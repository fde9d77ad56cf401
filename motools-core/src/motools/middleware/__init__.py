"""The layers around a backend: each is a backend that holds one.

    cache     the work is paid for once: `motools.training.backends.cached`, `motools.evals.backends.cached`
    validate  a bad dataset is refused, naming the line, before anything is uploaded: `motools.middleware.validate`
    budget    a run that may cost more than a ceiling is refused: `motools.middleware.budget`
    limit     only so many are live at once, and the others wait in line: `motools.middleware.limit`
    log       every event is a record that a program can read: `motools.middleware.log`

Others come by name from the `motools.middleware.v1` entry-point group. `motools.middleware.chain` puts them together, and
where none of them keeps a record, `motools.middleware.announced` has required plugins told all the same.
"""
