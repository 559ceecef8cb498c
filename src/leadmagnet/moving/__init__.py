"""Moving in where another system kept the list before."""
