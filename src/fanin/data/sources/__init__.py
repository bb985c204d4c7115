"""Where data comes from: a text (a set by name, a task, a file, a folder, a callable) or an object of Python's."""
