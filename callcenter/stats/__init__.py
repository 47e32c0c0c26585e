"""The board and the reports: folds over sealed Facts, and what each figure means."""
