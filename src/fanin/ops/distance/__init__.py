"""How far vectors are apart."""
