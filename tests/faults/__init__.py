"""The fault rig: Footnote in a world that breaks on purpose, and a checker of what must hold all the same."""
