"""What `train_plda.py` is made of: corpora, the model's estimation, and what a trained model is worth."""
