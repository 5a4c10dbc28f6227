"""Files that borrowers and agents add to a conversation or a case: images and PDF, kept out of the web."""
