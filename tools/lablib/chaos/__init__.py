"""Chaos: the fabric is hurt in every way that it knows, step by step, while traffic of known flows runs.

    plan (seed)  →  actions      what is done to links, leaves, servers, disks, files
                    flows        who sends to whom, and each loss with its time
                    oracle       which flow may lose packets at which moment: everything beyond is a violation
                    invariants   what must be as it was when a step has settled: sessions, tables, descriptors,
                                 buffers, memory

A seed makes the same steps again. What the machine does to them, it does not.
"""
