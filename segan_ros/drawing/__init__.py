"""Pictures for people: overlays, completed objects, graphs, tables, HTML pages."""
