"""What is forgotten, when, by whose order; and what we hold on a person."""
