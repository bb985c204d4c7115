"""From the syntax tree to typed graphs: scopes, hyper-parameters, instances, shapes, and the errors that point at the source."""
