"""What training makes small. All losses are scalar tensors.

Losses of class maps are made by name; see `stellate.losses.class_maps`.
"""

from .cross_entropy import masked_binary_cross_entropy, weighted_cross_entropy
from .star_distances import star_distance_iou_loss, star_distance_l1_loss

__all__ = [
    "masked_binary_cross_entropy",
    "star_distance_iou_loss",
    "star_distance_l1_loss",
    "weighted_cross_entropy",
]
