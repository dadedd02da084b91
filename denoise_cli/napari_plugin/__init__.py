"""A widget for napari (https://napari.org): method and strength, a preview of what is seen, and the layer. Extra `napari`."""
