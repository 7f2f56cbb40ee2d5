"""What is wrong with a registry, and what can be repaired without a guess.

findings       everything that is wrong, found in all ConfigMaps of one moment: pure
repairs        finds it in a registry, and repairs it
"""
