"""Part B: affine quantisation, calibration, post-training quantisation and its evidence."""
