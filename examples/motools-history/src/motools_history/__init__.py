"""A history of all runs and jobs: written to a file, sent to a collector, shown by `motools history`."""
