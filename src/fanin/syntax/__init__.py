"""Text to tree and back: grammar, parser, messages, formatter."""
