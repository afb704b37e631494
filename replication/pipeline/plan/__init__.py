"""What a study takes on so many devices: estimates calibrated by recorded runs, in an order."""
