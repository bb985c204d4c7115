"""Numbers picked out of tensors, and put back."""
