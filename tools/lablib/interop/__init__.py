"""Lastmile beside other BGP speakers, over one link: see tools/interop."""
