"""What tools/bench runs besides programs of its own: routers under test, feeds, fabrics."""
