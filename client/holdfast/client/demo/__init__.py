"""The demo: the whole story of Holdfast on one machine, every claim checked."""
