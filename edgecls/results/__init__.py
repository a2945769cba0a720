"""The results wing: one writer (`store`), any number of readers (`queries`), one schema between them (`schema`)."""
