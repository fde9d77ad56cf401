"""The durable record of paid work: what makes asking twice cost once.

    base      what a store promises: Record, Ledger, CacheBackend, and the Ticket that a backend pays with
    states    the states of a piece of work, and which may follow which
    keys      the canonical request and its `mk1:` key
    digests   what is in a dataset, without reading it twice
    sqlite    the store that motools ships, over connection, schema, table, rows and holder; memory, one that forgets
    paid      one submission per key: claim, submit; ticket, the window of the paid call
    settling  what became of a submission that was interrupted
    following a live run or job, to its end, once for all who wait
    flight    what many callers in a process await at once
    cached    what the cached run and job have in common; asking, what the cached backends have

A request becomes a *spec*, the spec a *key*, and the key a *record* in the ledger. Whoever finds no record claims the key
(a lease with an epoch), writes down the intent, pays inside `ticket.paying()`, and writes down what the service called
the work. Everybody else attaches to that. All writes are guarded transitions of one table of states.
"""
