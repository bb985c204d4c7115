"""Order: sorting and its like."""
