"""FiftyOne: where people look at samples, labels and predictions. A projection of the plain files."""
