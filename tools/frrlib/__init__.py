"""From an frr.conf of a server to a configuration of Lastmile; see tools/from-frr."""
