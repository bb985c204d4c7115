"""Pictures of a model: graphs to boxes and arrows, to DOT, to SVG, PDF and PNG."""
