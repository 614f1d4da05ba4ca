"""A CMSIS-NN library that the user has built, as a runtime."""
