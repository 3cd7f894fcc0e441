"""The last-mile fabric in network namespaces: topology, nodes, demo. Used by tools/lab and tests."""
