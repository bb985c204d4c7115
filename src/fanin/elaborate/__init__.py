"""From the syntax tree to typed graphs: scopes, hyper-parameters, instances and shapes."""
