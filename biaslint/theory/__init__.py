"""What a bias does, independent of any framework: programs as graphs of layers, and what becomes of a shift."""
