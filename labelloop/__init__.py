"""labelloop: from a pool of unlabelled images to a trained detector, with as few human labels as possible."""
