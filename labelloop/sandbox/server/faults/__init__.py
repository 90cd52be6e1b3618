"""Faults on demand, for tests: what networks, proxies, workers and other people do to a client of CVAT.

Nothing of it is there unless the process was started with a fault key, and then only for whoever has the key. The
manner is that of MockServer and moto: a test plans what shall happen to which request, and resets between tests.
"""
