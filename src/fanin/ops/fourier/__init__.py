"""Fourier transforms: what is in ``torch.fft``, by its own name."""
