"""Finding plugins, and what core asks of them.

discovery   every entry point of ours that is installed, without importing anything
origin      who offers a name, and whether it may be used
catalogue   both, for the present path and configuration; choosing and loading by name
registry    list_backends, find_class, get_backend: what `motools` makes public
listing     every plugin of every kind
checking    importing each in a process of its own, to see what it does
hygiene     the rules that every plugin keeps, and which of them one breaks
hookspecs   the hooks, and `hooks` that calls them
"""
