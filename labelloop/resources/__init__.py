"""The world the assets run in: the project, its data set, CVAT and the detector, each behind one resource."""
