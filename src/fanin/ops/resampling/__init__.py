"""Padding, resizing and rearranging of places."""
