"""How good an answer is: metrics, references beside it, matching, reliability."""
