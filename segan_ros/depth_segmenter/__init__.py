"""Objects on a plane, found in a colour and a depth image: masks for whoever has no segmenter."""
