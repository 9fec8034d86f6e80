"""How problems and plans are shown: one module per format, values in, text out."""
