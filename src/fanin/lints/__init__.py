"""What deserves a word though it runs: one file for each kind of thing that is looked at."""
