"""Sums and the like over rows that share a number: graphs, bags, ragged batches."""
