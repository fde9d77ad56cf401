"""Fine-tuning on this machine: the training backend "local".

A run is a detached worker process with a directory of its own, `MOTOOLS_HOME/local/ID`, which holds the data, the
checkpoints, the log, how it stands, and in the end the model. The package is imported without torch and transformers;
only the worker needs them.
"""
