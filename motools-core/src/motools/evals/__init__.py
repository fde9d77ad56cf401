"""Evaluation: the contract in `base`, layers in `middleware`, and every installed backend through `backends`."""
