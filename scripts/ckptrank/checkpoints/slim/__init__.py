"""TF-slim's networks in PyTorch: the thirteen of "Ranking Neural Checkpoints" and what its checkpoints say of them.

``scopes``: what slim calls their layers. ``inception``, ``resnet``: those that no library has as slim computes them.
``architectures``: all of them by name. ``variables``: from a bundle's variables to their weights. ``vtab``: the same
for VTAB's ResNet modules. ``input_range``: which range of pixels a checkpoint was trained on.
"""
