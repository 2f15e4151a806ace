"""Widgets and pictures: each takes engine values and draws them. Knows the engine, never the pages."""
