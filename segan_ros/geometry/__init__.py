"""Where things are in space, from depth and camera intrinsics: rays, boxes, points, up."""
