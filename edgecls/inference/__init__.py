"""Running a network: runtimes, the classifier, and the golden examples that test both."""
