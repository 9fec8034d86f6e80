"""What commands read and change in a checkout."""
