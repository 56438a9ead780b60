"""The tests of leaklint."""
