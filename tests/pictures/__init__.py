"""Pictures of the screens for the README, and the script that makes them."""
