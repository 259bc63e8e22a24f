"""What the networks look at, and what becomes of their answers: planes, masks, light."""
