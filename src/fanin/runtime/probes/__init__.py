"""What a compiled network does, measured: each file is one report. ``fanin.probe`` is the door for users."""
