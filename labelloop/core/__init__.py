"""Pure ideas of the loop: arrays and frames in, arrays and frames out, no input or output of their own."""
