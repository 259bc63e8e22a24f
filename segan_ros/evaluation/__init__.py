"""How good an answer is: scores, references to beat, evaluation over scenes and over bags."""
