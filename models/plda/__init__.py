"""Parts of `train_plda.py`: corpora, training and evaluation."""
